import { constants, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { ImageSigner } from "../signer.ts";
import { decodeBase64, type Envelope, encodeEnvelope, preAuthEncoding } from "./envelope.ts";
import { sshFingerprint } from "./ssh-fingerprint.ts";

/** Signs with a private key of {@link readPrivatePem}: ECDSA and RSA (PKCS #1 v1.5) over SHA-256, or Ed25519. */
export function pemSigner(key: KeyObject): ImageSigner {
  const keyid = sshFingerprint(createPublicKey(key)) ?? "";
  return {
    entity: new Uint8Array(),
    async sign(message) {
      const bytes = Buffer.from(message, "utf8");
      return encodeEnvelope(bytes, keyid, sign(hashFor(key), preAuthEncoding(bytes), padded(key)));
    },
  };
}

/** The message of an envelope, and whether the key signed it; or why it cannot be told. */
export type EnvelopeResult =
  | { readonly valid: true; readonly message: Uint8Array }
  | { readonly valid: false; readonly reason: string };

/** One good signature is enough; one that names another key is passed over. */
export function openEnvelope(envelope: Envelope, key: KeyObject): EnvelopeResult {
  const failed = (reason: string): EnvelopeResult => ({
    valid: false,
    reason: `dsse: verify envelope failed: ${reason}`,
  });
  if (envelope.signatures.length === 0) return failed("no signature found");
  const undecodable = "unable to base64 decode payload (is payload in the right format?)";
  const message = decodeBase64(envelope.payload);
  if (message === undefined) return failed(undecodable);
  const signed = preAuthEncoding(message);
  const ownId = sshFingerprint(key);
  for (const { keyid, sig } of envelope.signatures) {
    const signature = decodeBase64(sig);
    if (signature === undefined) return failed(undecodable);
    if (keyid !== "" && keyid !== ownId) continue;
    if (verify(hashFor(key), signed, padded(key), signature)) return { valid: true, message };
  }
  return failed("accepted signatures do not match threshold, Found: 0, Expected 1");
}

/** RFC 8032: Ed25519 hashes by itself. */
function hashFor(key: KeyObject): "sha256" | null {
  return key.asymmetricKeyType === "ed25519" ? null : "sha256";
}

function padded(key: KeyObject): { key: KeyObject; padding?: number } {
  return key.asymmetricKeyType === "rsa" ? { key, padding: constants.RSA_PKCS1_PADDING } : { key };
}
