import { readAuthFile } from "./auth/auth-file.ts";
import { askCredentialHelper, eraseInHelper, storeInHelper } from "./auth/credential-helper.ts";
import { credentialFile } from "./auth/find-credential.ts";
import { displayKey, removeLogin, writeLogin } from "./auth/login-file.ts";
import { helperServer, normaliseKey } from "./auth/registry-key.ts";
import { Secret } from "./auth/secret.ts";
import { SourceError } from "./source/errors.ts";
import { checkLogin, type LoginConnection } from "./source/registry/check-login.ts";

/** Which registry, and where its credentials are kept. */
export interface LoginPlace {
  /** `host[:port]`, with `docker://` or without; `docker.io` is Docker Hub. A namespace may follow. */
  readonly registry: string;
  /** `--authfile`; else the file that pulls read. */
  readonly authFile?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal;
}

/** Who logs in, and how the registry is spoken to. */
export interface LoginOptions extends LoginPlace, Pick<LoginConnection, "noHttps" | "ca" | "insecure"> {
  readonly username: string;
  readonly password: string;
}

/** Where a login is kept. */
export interface StoredLogin {
  /** As in `docker://registry`. */
  readonly registry: string;
  /** Undefined for tokens, and for what a helper keeps to itself. */
  readonly username: string | undefined;
  /** A file, or the name of a helper. */
  readonly place: string;
}

const HOST = /^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:]+\](?::\d{1,5})?$/;
const NAMESPACE = /^(?:\/[a-z0-9._-]+)*$/;

/**
 * Shows user and password to the registry and, if it takes them, stores them where pulls look, in a file for
 * its owner alone or in the credential helper that the file names. `checked` is false where the registry asks
 * for none.
 *
 * Throws `SourceError` UNAUTHORIZED, TOKEN_REFUSED and what else a pull throws, `AuthError` for the file.
 */
export async function loginToRegistry(
  options: LoginOptions,
): Promise<{ readonly place: string; readonly checked: boolean }> {
  const { username, noHttps = false, ca, insecure = false } = options;
  const { key, host, path, helper, helperOptions } = await openPlace(options);
  const password = new Secret(options.password);
  const { env, signal } = helperOptions;
  const connection = { noHttps, insecure, env, ...(ca === undefined ? {} : { ca }) };
  const checked = await checkLogin({ registry: host, username, password, signal, ...connection });
  if (helper !== undefined) {
    await storeInHelper(helper, helperServer(key), { username, password }, helperOptions);
    return { place: helperName(helper), checked };
  }
  await writeLogin(path, key, username, password);
  return { place: path, checked };
}

/**
 * Forgets what is stored of a registry, and tells where it was; undefined where nothing is.
 * @throws SourceError REGISTRY_NAME_INVALID; AuthError AUTH_FILE_UNREADABLE, AUTH_FILE_INVALID, AUTH_FILE_UNWRITABLE
 */
export async function logoutFromRegistry(options: LoginPlace): Promise<{ readonly place: string } | undefined> {
  const { key, path, helper, helperOptions } = await openPlace(options);
  const erased = helper !== undefined && (await eraseInHelper(helper, helperServer(key), helperOptions));
  const removed = (await readAuthFile(path)) !== undefined && (await removeLogin(path, key));
  if (removed) return { place: path };
  return erased ? { place: helperName(helper) } : undefined;
}

/**
 * All registries that the file of credentials knows, by name; what a helper does not tell is left out.
 * @throws AuthError AUTH_FILE_UNREADABLE, AUTH_FILE_INVALID
 */
export async function listLogins(options: Omit<LoginPlace, "registry"> = {}): Promise<readonly StoredLogin[]> {
  const { env = process.env, authFile, signal = new AbortController().signal } = options;
  const path = await credentialFile(authFile, env);
  const file = await readAuthFile(path, { signal });
  if (file === undefined) return [];
  const found = new Map<string, StoredLogin>();
  for (const [key, { username }] of file.auths) {
    found.set(key, { registry: displayKey(key), username, place: path });
  }
  for (const [key, helper] of file.credHelpers) {
    const answer = await askCredentialHelper(helper, helperServer(key), { path, env, signal }).catch(() => undefined);
    if (answer === undefined) continue;
    const username = answer.username === "<token>" ? undefined : answer.username;
    found.set(key, { registry: displayKey(key), username, place: helperName(helper) });
  }
  return [...found.values()].sort((a, b) => (a.registry < b.registry ? -1 : 1));
}

async function openPlace({ registry, authFile, env = process.env, signal = new AbortController().signal }: LoginPlace) {
  const key = normaliseKey(registry.replace(/^(?:docker|oras):(?:\/\/)?/, ""));
  const slash = key.indexOf("/");
  const host = slash < 0 ? key : key.slice(0, slash);
  if (!HOST.test(host) || !NAMESPACE.test(slash < 0 ? "" : key.slice(slash))) {
    throw new SourceError("REGISTRY_NAME_INVALID", { registry });
  }
  const path = await credentialFile(authFile, env);
  const file = await readAuthFile(path, { signal });
  const helper = file?.credHelpers.get(key) ?? file?.credHelpers.get(host) ?? file?.credsStore;
  const helperOptions = { path, env, signal };
  return { key, host, path, helper, helperOptions };
}

function helperName(helper: string): string {
  return `the helper docker-credential-${helper}`;
}
