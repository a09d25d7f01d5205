import type { SignaturePacket } from "openpgp";
import { KeyError } from "../errors.ts";
import type { ImageSigner } from "../signer.ts";
import { formatClearText } from "./clear-text.ts";
import type { PgpKey } from "./key.ts";
import { loadOpenPgp } from "./library.ts";
import { unlockKey } from "./unlock-key.ts";

/** Names of the `Hash:` line (RFC 9580 §9.5), by the algorithms' numbers. */
const HASH_NAMES: Readonly<Record<number, string>> = { 8: "SHA256", 9: "SHA384", 10: "SHA512", 11: "SHA224" };

/**
 * Signs with a secret key, in clear text. The signature's own time is the clock's, whatever SOURCE_DATE_EPOCH says:
 * readers judge by it whether the key was valid.
 * @throws KeyError KEY_INVALID, PASSPHRASE_NEEDED, PASSPHRASE_WRONG
 */
export async function pgpSigner(key: PgpKey, passphrase?: string): Promise<ImageSigner> {
  const { createMessage, enums, sign } = await loadOpenPgp();
  const signingKey = await unlockKey(key, passphrase);
  return {
    // A version 4 fingerprint has 20 bytes; of a longer one the field takes the first.
    entity: Buffer.from(key.fingerprint, "hex").subarray(0, 20),
    async sign(text) {
      try {
        const signature = await sign({
          message: await createMessage({ text }),
          signingKeys: signingKey,
          detached: true,
          format: "object",
          config: { preferredHashAlgorithm: enums.hash.sha256 },
        });
        const [made] = signature.packets as unknown as readonly SignaturePacket[];
        const hash = HASH_NAMES[made?.hashAlgorithm ?? 0] ?? "SHA256";
        return Buffer.from(formatClearText({ text, signature: signature.write() as Uint8Array }, hash));
      } catch (cause) {
        throw new KeyError("KEY_INVALID", { reason: (cause as Error).message, cause });
      }
    },
  };
}
