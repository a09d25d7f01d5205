import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { KeyError } from "../errors.ts";
import { readKeyFile } from "../key-file.ts";
import { type PgpKey, readPgpKey } from "../openpgp/key.ts";
import { PacketError, splitKeys } from "../openpgp/split-keys.ts";

/**
 * The keys of a keyring file, as Apptainer keeps it: keys in binary form one after the other; none where there is
 * no file. Keys that are not understood are left out.
 * @throws KeyError KEYRING_DAMAGED
 */
export async function readKeyring(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly PgpKey[]> {
  const keys: PgpKey[] = [];
  for (const part of await readParts(path, options)) {
    try {
      keys.push(await readPgpKey(part));
    } catch (error) {
      if (!(error instanceof KeyError)) throw error;
    }
  }
  return keys;
}

/**
 * Adds a key behind the others.
 * @throws KeyError KEY_PRESENT, KEYRING_DAMAGED, KEYRING_BUSY
 */
export async function addToKeyring(path: string, key: PgpKey): Promise<void> {
  if ((await addKeysToKeyring(path, [key])) === 0) throw new KeyError("KEY_PRESENT", { fingerprint: key.fingerprint });
}

/**
 * Adds keys behind the others, in one change, up to the first that is there already. Gives how many were added.
 * @throws KeyError KEYRING_DAMAGED, KEYRING_BUSY
 */
export async function addKeysToKeyring(path: string, keys: readonly PgpKey[]): Promise<number> {
  let added = 0;
  await change(path, async (parts) => {
    const present = new Set(await fingerprintsOf(parts));
    const next = [...parts];
    for (const { fingerprint, bytes } of keys) {
      if (present.has(fingerprint)) break;
      present.add(fingerprint);
      next.push(bytes);
    }
    added = next.length - parts.length;
    return added === 0 ? undefined : next;
  });
  return added;
}

/**
 * Removes the key of that fingerprint; the others stay byte for byte.
 * @throws KeyError KEY_NOT_FOUND, KEYRING_DAMAGED, KEYRING_BUSY
 */
export async function removeFromKeyring(path: string, fingerprint: string): Promise<void> {
  await change(path, async (parts) => {
    const index = (await fingerprintsOf(parts)).indexOf(fingerprint.toUpperCase());
    if (index < 0) throw new KeyError("KEY_NOT_FOUND", { fingerprint });
    return parts.filter((_, at) => at !== index);
  });
}

/** Of each key; undefined for one that is not understood. One after the other: parsed keys are large. */
async function fingerprintsOf(parts: readonly Uint8Array[]): Promise<readonly (string | undefined)[]> {
  const found: (string | undefined)[] = [];
  for (const part of parts) found.push((await readPgpKey(part).catch(() => undefined))?.fingerprint);
  return found;
}

async function readParts(
  path: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<readonly Uint8Array[]> {
  let content: Uint8Array;
  try {
    content = await readKeyFile(path, options);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  try {
    return splitKeys(content);
  } catch (cause) {
    if (!(cause instanceof PacketError)) throw cause;
    throw new KeyError("KEYRING_DAMAGED", { path, offset: cause.offset, reason: cause.message, cause });
  }
}

/**
 * Writes the keyring anew beside the old one and puts it in its place: a reader sees one or the other, and what goes
 * wrong leaves the old one, as does an edit that gives nothing. The file beside it is the lock, too.
 */
async function change(
  path: string,
  edit: (parts: readonly Uint8Array[]) => Promise<readonly Uint8Array[] | undefined>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const next = `${path}.new`;
  const file = await openLock(next, path);
  try {
    let edited: readonly Uint8Array[] | undefined;
    try {
      edited = await edit(await readParts(path));
      if (edited !== undefined) {
        await file.writeFile(Buffer.concat(edited));
        await file.sync();
      }
    } finally {
      await file.close();
    }
    await (edited === undefined ? rm(next) : rename(next, path));
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
}

async function openLock(lock: string, path: string): Promise<FileHandle> {
  try {
    return await open(lock, "wx", 0o600);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new KeyError("KEYRING_BUSY", { path, lock, cause });
  }
}
