import { createHash, type JsonWebKey, type KeyObject } from "node:crypto";

/** SSH names of the curves, by JWK name (RFC 5656 §10.1); SSH has none for others. */
const CURVES: Readonly<Record<string, string>> = { "P-256": "nistp256", "P-384": "nistp384", "P-521": "nistp521" };

/**
 * `SHA256:` and unpadded base64, as `ssh-keygen -l` prints it: over the public key in SSH's wire format
 * (RFC 4253 §6.6, RFC 5656 §3.1, RFC 8709 §4). Undefined for keys that SSH has no format for.
 */
export function sshFingerprint(publicKey: KeyObject): string | undefined {
  const wire = encodeSsh(publicKey.export({ format: "jwk" }));
  return wire && `SHA256:${createHash("sha256").update(wire).digest("base64").replace(/=+$/, "")}`;
}

function encodeSsh({ kty, crv = "", x = "", y = "", n = "", e = "" }: JsonWebKey): Buffer | undefined {
  const bytes = (text: string) => Buffer.from(text, "base64url");
  if (kty === "OKP" && crv === "Ed25519") return Buffer.concat([field("ssh-ed25519"), field(bytes(x))]);
  if (kty === "RSA") return Buffer.concat([field("ssh-rsa"), field(mpint(bytes(e))), field(mpint(bytes(n)))]);
  const curve = kty === "EC" ? CURVES[crv] : undefined;
  if (curve === undefined) return undefined;
  // SEC 1 §2.3.3: 04 is an uncompressed point.
  const point = Buffer.concat([Buffer.of(4), bytes(x), bytes(y)]);
  return Buffer.concat([field(`ecdsa-sha2-${curve}`), field(curve), field(point)]);
}

function field(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as string);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(bytes.length);
  return Buffer.concat([size, bytes]);
}

/** RFC 4251 §5: a leading zero keeps a number with its top bit set positive. */
function mpint(bytes: Buffer): Buffer {
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), bytes]) : bytes;
}
