import { BytesError } from "../bytes/errors.ts";
import { type ReadWholeOptions, readWholeText } from "../bytes/read-whole.ts";
import { systemReason } from "../bytes/system-reason.ts";
import { AuthError } from "./errors.ts";
import { normaliseKey } from "./registry-key.ts";
import { Secret } from "./secret.ts";

/** What a file says of one registry or repository. */
export interface AuthEntry {
  readonly username: string | undefined;
  readonly password: Secret | undefined;
  readonly identityToken: Secret | undefined;
  readonly registryToken: Secret | undefined;
}

/** Docker's `config.json`, as far as it is about credentials. Keys are normalised (`registry-key.ts`). */
export interface AuthFile {
  readonly path: string;
  readonly auths: ReadonlyMap<string, AuthEntry>;
  /** Registry → name of a helper. */
  readonly credHelpers: ReadonlyMap<string, string>;
  /** Helper for all other registries. */
  readonly credsStore: string | undefined;
}

/** More than any such file; it is read whole. */
const MAX_AUTH_FILE_SIZE = 8 * 1024 * 1024;

/** How the file is read: until when. */
type ReadOptions = Pick<ReadWholeOptions, "signal">;

/** Reads the file; undefined if there is none. Throws `AuthError` AUTH_FILE_UNREADABLE, AUTH_FILE_INVALID. */
export async function readAuthFile(path: string, options: ReadOptions = {}): Promise<AuthFile | undefined> {
  const text = await readAuthText(path, options);
  return text === undefined ? undefined : parseAuthFile(text, path);
}

/** Its text; undefined if there is none. Throws `AuthError` AUTH_FILE_UNREADABLE, AUTH_FILE_INVALID. */
export async function readAuthText(path: string, { signal }: ReadOptions = {}): Promise<string | undefined> {
  try {
    return await readWholeText(path, { limit: MAX_AUTH_FILE_SIZE, signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof BytesError) throw tooLarge(path);
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new AuthError("AUTH_FILE_UNREADABLE", { path, problem: systemReason(error), cause: error });
  }
}

function tooLarge(path: string): AuthError {
  return new AuthError("AUTH_FILE_INVALID", { path, problem: `it is larger than ${MAX_AUTH_FILE_SIZE} bytes` });
}

/** Reads the text of a file. Members of wrong types are an error, unknown ones are left alone. */
export function parseAuthFile(text: string, path: string): AuthFile {
  const fail = (problem: string): never => {
    throw new AuthError("AUTH_FILE_INVALID", { path, problem });
  };
  if (text.length > MAX_AUTH_FILE_SIZE) throw tooLarge(path);
  let document: unknown;
  try {
    document = text.trim() === "" ? {} : JSON.parse(text);
  } catch {
    // The parser's own message quotes the text, which may be a password; it is not kept as a cause either.
    fail("it is not JSON");
  }
  const root = asObject(document, "it", fail);
  const auths = new Map<string, AuthEntry>();
  for (const [key, value] of Object.entries(asObject(root.auths, "auths", fail))) {
    auths.set(normaliseKey(key), parseEntry(asObject(value, `auths[${JSON.stringify(key)}]`, fail), key, fail));
  }
  const credHelpers = new Map<string, string>();
  for (const [key, value] of Object.entries(asObject(root.credHelpers, "credHelpers", fail))) {
    const helper = asString(value, "credHelpers", fail);
    if (helper !== undefined) credHelpers.set(normaliseKey(key), helper);
  }
  return { path, auths, credHelpers, credsStore: asString(root.credsStore, "credsStore", fail) };
}

function parseEntry(entry: Record<string, unknown>, key: string, fail: (problem: string) => never): AuthEntry {
  const member = (name: string) => asString(entry[name], `auths[${JSON.stringify(key)}].${name}`, fail);
  const auth = member("auth");
  const decoded = auth === undefined ? undefined : decodeAuth(auth);
  if (auth !== undefined && decoded === undefined) {
    fail(`auths[${JSON.stringify(key)}].auth is not the base64 of "user:password"`);
  }
  const password = decoded?.password ?? member("password");
  return {
    username: decoded?.username ?? member("username"),
    password: secret(password),
    identityToken: secret(member("identitytoken")),
    registryToken: secret(member("registrytoken")),
  };
}

function secret(text: string | undefined): Secret | undefined {
  return text === undefined ? undefined : new Secret(text);
}

function decodeAuth(auth: string): { username: string; password: string } | undefined {
  if (!/^[A-Za-z0-9+/_-]+=*\s*$/.test(auth)) return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  // Old Docker clients padded with NUL bytes; Docker itself strips them.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}

function asObject(value: unknown, where: string, fail: (problem: string) => never): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) fail(`${where} is not an object`);
  return value as Record<string, unknown>;
}

/** Empty strings count as absent, as in Docker's own reader. */
function asString(value: unknown, where: string, fail: (problem: string) => never): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") fail(`${where} is not a string`);
  return value as string;
}
