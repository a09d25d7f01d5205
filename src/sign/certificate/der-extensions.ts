/** An extension of an X.509 certificate (RFC 5280 §4.2). */
export interface CertificateExtension {
  /** Dotted. */
  readonly oid: string;
  readonly critical: boolean;
  /** The DER inside. */
  readonly value: Uint8Array;
}

/** DER tags (X.690 §8). */
const Tag = { boolean: 0x01, integer: 0x02, octets: 0x04, oid: 0x06, sequence: 0x30, extensions: 0xa3 } as const;

/** One element of DER, its content not taken apart. */
export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
}

/**
 * The extensions of a certificate, for what Node does not tell of them.
 * @throws RangeError where the DER does not add up
 */
export function readExtensions(certificate: Uint8Array): readonly CertificateExtension[] {
  const [whole] = elements(certificate);
  const [signedPart] = elements(need(whole).content);
  const outer = elements(need(signedPart).content).find(({ tag }) => tag === Tag.extensions);
  if (outer === undefined) return [];
  const [list] = elements(outer.content);
  return elements(need(list).content).map(({ content }) => {
    const parts = elements(content);
    return {
      oid: decodeOid(need(parts.find(({ tag }) => tag === Tag.oid)).content),
      critical: (parts.find(({ tag }) => tag === Tag.boolean)?.content[0] ?? 0) !== 0,
      value: need(parts.find(({ tag }) => tag === Tag.octets)).content,
    };
  });
}

/** The path length of a basic-constraints extension (RFC 5280 §4.2.1.9); undefined where it states none. */
export function readPathLength(value: Uint8Array): number | undefined {
  const [list] = elements(value);
  const number = elements(need(list).content).find(({ tag }) => tag === Tag.integer)?.content;
  if (number === undefined) return undefined;
  return number.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** Whether a key-usage extension has the bit keyCertSign (RFC 5280 §4.2.1.3: bit 5, counted from the highest). */
export function maySignCertificates(value: Uint8Array): boolean {
  const [bits] = elements(value);
  // In front of the bits a byte says how many of the last one do not count.
  return ((need(bits).content[1] ?? 0) & 0x04) !== 0;
}

/** The elements that stand one after the other in `bytes`. */
export function elements(bytes: Uint8Array): readonly Element[] {
  const found: Element[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const tag = bytes[offset] as number;
    const first = bytes[offset + 1] ?? 0;
    // X.690 §8.1.3.5: beyond 127 the low bits say how many bytes the length has; certificates need four at most.
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if (lengthBytes > 4) throw new RangeError("a DER length has more than 4 bytes");
    const start = offset + 2 + lengthBytes;
    let size = first < 0x80 ? first : 0;
    for (let at = offset + 2; at < start; at++) size = size * 256 + (bytes[at] ?? 0);
    if (start + size > bytes.length) throw new RangeError("a DER element reaches beyond its end");
    found.push({ tag, content: bytes.subarray(start, start + size) });
    offset = start + size;
  }
  return found;
}

function need(element: Element | undefined): Element {
  if (element === undefined) throw new RangeError("a DER element is missing");
  return element;
}

/** X.690 §8.19 */
function decodeOid(content: Uint8Array): string {
  const numbers: number[] = [];
  let value = 0;
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    if (numbers.length === 0) {
      const top = Math.min(Math.floor(value / 40), 2);
      numbers.push(top, value - top * 40);
    } else numbers.push(value);
    value = 0;
  }
  return numbers.join(".");
}
