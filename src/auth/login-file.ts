import { randomBytes } from "node:crypto";
import { mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { DEFAULT_REGISTRY } from "../oci/reference.ts";
import { parseAuthFile, readAuthText } from "./auth-file.ts";
import { AuthError } from "./errors.ts";
import { helperServer, normaliseKey } from "./registry-key.ts";
import type { Secret } from "./secret.ts";

type Document = Record<string, unknown>;

/** Writes user and password of a registry into a file of Docker's format; all else in it stays. Made if need be. */
export async function writeLogin(path: string, registry: string, username: string, password: Secret): Promise<void> {
  const { document, auths } = await readDocument(path);
  const auth = Buffer.from(`${username}:${password.reveal()}`, "utf8").toString("base64");
  await writeDocument(path, { ...document, auths: { ...without(auths, registry), [keyOf(registry)]: { auth } } });
}

/** Takes a registry out of a file; false where it is not in it. */
export async function removeLogin(path: string, registry: string): Promise<boolean> {
  const { document, auths } = await readDocument(path);
  const left = without(auths, registry);
  if (Object.keys(left).length === Object.keys(auths).length) return false;
  await writeDocument(path, { ...document, auths: left });
  return true;
}

/** The key that other tools look for, too: `host/namespace`, or the Hub's old address. */
function keyOf(registry: string): string {
  const key = normaliseKey(registry);
  return key.includes("/") ? key : helperServer(key);
}

/** Older clients wrote whole addresses: every spelling of the registry goes. */
function without(auths: Document, registry: string): Document {
  return Object.fromEntries(Object.entries(auths).filter(([key]) => normaliseKey(key) !== normaliseKey(registry)));
}

/** The file as it stands, after a look whether it is one that can be read again. */
async function readDocument(path: string): Promise<{ readonly document: Document; readonly auths: Document }> {
  const text = (await readAuthText(path)) ?? "";
  parseAuthFile(text, path);
  const document = (text.trim() === "" ? {} : JSON.parse(text)) as Document;
  return { document, auths: (document.auths ?? {}) as Document };
}

/**
 * Written beside it and renamed, for its owner alone: whoever reads meanwhile sees the old file or the new, and
 * a failure leaves the old one. A symbolic link stays one.
 */
async function writeDocument(path: string, document: Document): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(`${JSON.stringify(document, undefined, "\t")}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => {});
    const { code = "it cannot be written" } = cause as NodeJS.ErrnoException;
    throw new AuthError("AUTH_FILE_UNWRITABLE", { path, problem: code, cause });
  }
}

/** `docker.io` for each of the Hub's names, others as they are: how a person calls a stored key. */
export function displayKey(key: string): string {
  return key === DEFAULT_REGISTRY ? "docker.io" : key;
}
