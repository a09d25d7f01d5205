import type { PrivateKey } from "openpgp";
import { KeyError } from "../errors.ts";
import type { PgpKey } from "./key.ts";
import { lockedPackets, parseKey } from "./parse-key.ts";

/**
 * The key, opened for signing.
 * @throws KeyError KEY_INVALID, PASSPHRASE_NEEDED, PASSPHRASE_WRONG
 */
export async function unlockKey(key: PgpKey, passphrase: string | undefined): Promise<PrivateKey> {
  const parsed = await parseKey(key.bytes);
  if (!parsed.isPrivate()) throw new KeyError("KEY_INVALID", { reason: "a secret key is needed, this one is public" });
  const locked = lockedPackets(parsed);
  if (locked.length > 0 && (passphrase === undefined || passphrase === "")) throw new KeyError("PASSPHRASE_NEEDED");
  // Packet by packet: the library's own way refuses keys of Apptainer's, whose subkeys are not encrypted.
  for (const packet of locked) {
    try {
      await packet.decrypt(passphrase as string);
      await packet.validate();
    } catch (cause) {
      throw new KeyError("PASSPHRASE_WRONG", { cause });
    }
  }
  return parsed;
}
