import type { SignaturePacket } from "openpgp";
import type { ClearText } from "./clear-text.ts";
import type { PgpKey } from "./key.ts";
import { loadOpenPgp } from "./library.ts";
import { parseKey } from "./parse-key.ts";

/** Whether a known key signed a text, or why it cannot be told. The key is there as soon as it is known. */
export type TextResult<K extends PgpKey> =
  | { readonly valid: true; readonly key: K }
  | { readonly valid: false; readonly key?: K; readonly reason: string };

/** SHA-256, SHA-384, SHA-512, SHA-224 (RFC 9580 §9.5); the older ones are broken. */
const ACCEPTED_HASHES: ReadonlySet<number> = new Set([8, 9, 10, 11]);
/** Public-key algorithms (RFC 9580 §9.1) as Apptainer names them where a signature does not fit. */
const ALGORITHM_NAMES: Readonly<Record<number, string>> = {
  1: "RSA",
  3: "RSA",
  17: "DSA",
  19: "ECDSA",
  22: "EdDSA",
  27: "Ed25519",
  28: "Ed448",
};

/** Verifies with the first signature whose key is known. `now` is when the signature has to be made by. */
export async function verifyClearText<K extends PgpKey>(
  { text, signature: packets }: ClearText,
  keys: readonly K[],
  now: Date,
): Promise<TextResult<K>> {
  if (packets.length === 0) return { valid: false, reason: "illegal base64 data" };
  const { createMessage, enums, readSignature, Signature, PacketList, verify } = await loadOpenPgp();
  let found: readonly SignaturePacket[];
  try {
    found = [...(await readSignature({ binarySignature: packets })).packets];
  } catch (cause) {
    return { valid: false, reason: `openpgp: invalid data: ${(cause as Error).message}` };
  }
  for (const packet of found) {
    const issuer = packet.issuerKeyID.toHex().toUpperCase();
    const key = keys.find(({ keyIds }) => keyIds.includes(issuer));
    if (key === undefined) continue;
    if (!ACCEPTED_HASHES.has(packet.hashAlgorithm ?? 0)) {
      return { valid: false, reason: "openpgp: unsupported feature: hash algorithm of the signature" };
    }
    if (packet.signatureType !== enums.signature.text && packet.signatureType !== enums.signature.binary) {
      return { valid: false, reason: "openpgp: unsupported feature: type of the signature" };
    }
    const list = new PacketList<SignaturePacket>();
    list.push(packet);
    const { signatures } = await verify({
      message: await createMessage({ text }),
      signature: new Signature(list),
      verificationKeys: await parseKey(key.bytes),
      date: now,
    });
    const [result] = signatures;
    try {
      await result?.verified;
      return { valid: true, key };
    } catch (cause) {
      // Who it was is known, and was trusted once.
      if (/key is revoked/i.test((cause as Error).message))
        return { valid: false, key, reason: "openpgp: signature made by revoked key" };
      return { valid: false, reason: `openpgp: ${explain((cause as Error).message, packet)}` };
    }
  }
  return { valid: false, reason: "openpgp: signature made by unknown entity" };
}

/** The library has several sentences for "it does not fit"; people know Apptainer's. */
function explain(message: string, packet: SignaturePacket): string {
  if (!/did not match|verification failed|Message digest/i.test(message)) return `invalid signature: ${message}`;
  return `invalid signature: ${ALGORITHM_NAMES[packet.publicKeyAlgorithm ?? 0] ?? "public key"} verification failure`;
}
