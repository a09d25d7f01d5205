import type { Key, PrivateKey, SecretKeyPacket, SecretSubkeyPacket } from "openpgp";
import { KeyError } from "../errors.ts";
import { loadOpenPgp } from "./library.ts";

// What has the types of the OpenPGP library is apart from what is public: its declarations name a package that it does
// not bring along, which a strict compiler of an embedding program would look for.

/** @throws KeyError KEY_INVALID */
export async function parseKey(bytes: Uint8Array): Promise<Key | PrivateKey> {
  const { readKey } = await loadOpenPgp();
  try {
    return await readKey({ binaryKey: bytes });
  } catch (cause) {
    throw new KeyError("KEY_INVALID", { reason: (cause as Error).message, cause });
  }
}

/** The parts of a secret key that need the passphrase; one whose secret is kept elsewhere (on a card) is none of them. */
export function lockedPackets(key: PrivateKey): readonly (SecretKeyPacket | SecretSubkeyPacket)[] {
  return key
    .getKeys()
    .map(({ keyPacket }) => keyPacket as SecretKeyPacket | SecretSubkeyPacket)
    .filter((packet) => !packet.isDecrypted() && !packet.isDummy());
}
