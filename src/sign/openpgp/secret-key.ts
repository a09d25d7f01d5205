import { KeyError } from "../errors.ts";
import { type PgpKey, readPgpKey } from "./key.ts";
import { loadOpenPgp } from "./library.ts";
import { parseKey } from "./parse-key.ts";
import { unlockKey } from "./unlock-key.ts";

/** What a new key pair is made from. */
export interface NewPgpKey {
  readonly name: string;
  readonly email: string;
  readonly comment: string;
  /** Empty for a key that is stored as it is. */
  readonly passphrase: string;
  /** Of the RSA key; 4096 where nothing else is asked for. */
  readonly bitLength: number;
}

/**
 * Makes an RSA key with an encryption subkey, as Apptainer does.
 * @throws KeyError KEY_GENERATION for a length or a user ID that the library refuses
 */
export async function generatePgpKey(
  wanted: NewPgpKey,
): Promise<{ readonly publicKey: PgpKey; readonly secretKey: PgpKey }> {
  const { generateKey, enums } = await loadOpenPgp();
  const { name, email, comment, passphrase, bitLength } = wanted;
  try {
    const { privateKey, publicKey } = await generateKey({
      type: "rsa",
      rsaBits: bitLength,
      userIDs: [{ name, email, comment }],
      ...(passphrase === "" ? {} : { passphrase }),
      format: "object",
      config: { preferredHashAlgorithm: enums.hash.sha256 },
    });
    return { publicKey: await readPgpKey(publicKey.write()), secretKey: await readPgpKey(privateKey.write()) };
  } catch (cause) {
    throw new KeyError("KEY_GENERATION", { reason: (cause as Error).message, cause });
  }
}

/**
 * Resolves when the passphrase opens the secret key, or it needs none.
 * @throws KeyError KEY_INVALID, PASSPHRASE_NEEDED, PASSPHRASE_WRONG
 */
export async function checkPassphrase(key: PgpKey, passphrase: string | undefined): Promise<void> {
  await unlockKey(key, passphrase);
}

/**
 * The same key under another passphrase; with an empty one it is stored as it is.
 * @throws KeyError KEY_INVALID, PASSPHRASE_NEEDED, PASSPHRASE_WRONG
 */
export async function changePassphrase(key: PgpKey, former: string | undefined, next: string): Promise<PgpKey> {
  const { encryptKey } = await loadOpenPgp();
  const open = await unlockKey(key, former);
  const changed = next === "" ? open : await encryptKey({ privateKey: open, passphrase: next });
  return readPgpKey(changed.write());
}

/**
 * The public half of a secret key; a public key is its own.
 * @throws KeyError KEY_INVALID
 */
export async function publicHalf(key: PgpKey): Promise<PgpKey> {
  return readPgpKey((await parseKey(key.bytes)).toPublic().write());
}
