import { parseJson } from "../../bytes/parse-json.ts";

/** Media type of the signed message. */
export const PAYLOAD_TYPE = "application/vnd.sylabs.sif-metadata+json";

/** Most signatures in one envelope, each of which is verified; signers make one. */
const MAX_SIGNATURES = 64;

/** A DSSE envelope: base64 throughout, as stored. */
export interface Envelope {
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** What is signed: DSSE v1, pre-authentication encoding. Lengths are in bytes. */
export function preAuthEncoding(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${PAYLOAD_TYPE.length} ${PAYLOAD_TYPE} ${message.length} `), message]);
}

/** The envelope as stored: compact JSON, keys in this order, no line end. */
export function encodeEnvelope(message: Uint8Array, keyid: string, signature: Uint8Array): Uint8Array {
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  return Buffer.from(
    JSON.stringify({
      payloadType: PAYLOAD_TYPE,
      payload: base64(message),
      signatures: [{ keyid, sig: base64(signature) }],
    }),
  );
}

/** Undefined for all that is no JSON of this media type, such as a clear-signed text, or has absurdly many signatures. */
export function parseEnvelope(content: Uint8Array): Envelope | undefined {
  let value: unknown;
  try {
    value = parseJson(Buffer.from(content).toString("utf8"));
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { payloadType, payload, signatures } = value as Record<string, unknown>;
  if (payloadType !== PAYLOAD_TYPE || typeof payload !== "string") return undefined;
  const listed: readonly unknown[] = Array.isArray(signatures) ? signatures : [];
  if (listed.length > MAX_SIGNATURES) return undefined;
  return {
    payload,
    signatures: listed.map((one) => {
      const { keyid, sig } = (one ?? {}) as Record<string, unknown>;
      return { keyid: typeof keyid === "string" ? keyid : "", sig: typeof sig === "string" ? sig : "" };
    }),
  };
}

/** Standard or URL-safe base64 (the DSSE protocol allows both); undefined for anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length % 4 !== 0) return undefined;
  // No repeated groups: V8 takes a stack frame for each repetition, and this text is anybody's.
  if (/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return Buffer.from(text, "base64");
  return /^[A-Za-z0-9_-]*={0,2}$/.test(text) ? Buffer.from(text, "base64url") : undefined;
}
