/** The most that a file of keys may have, and a bit less. */
const SIZE = 31 * 2 ** 20;

/** RFC 9580 §4.2.1 */
function packet(tag: number, body: Uint8Array): Buffer {
  const head = Buffer.from([0xc0 | tag, 255, 0, 0, 0, 0]);
  head.writeUInt32BE(body.length, 2);
  return Buffer.concat([head, body]);
}

/** An Ed25519 key (RFC 9580 §5.5.2, version 4) whose number tells it from others. */
function key(number: number, tag = 6): Buffer {
  const curve = [9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1];
  const body = Buffer.from([4, 0, 0, 0, 0, 22, ...curve, 1, 7, 0x40, ...Buffer.alloc(32)]);
  body.writeUInt32BE(number, body.length - 4);
  return packet(tag, body);
}

const USER_ID = packet(13, Buffer.from("a"));
const SIGNATURE = [4, 0x13, 22, 8, 0, 0, 0, 0, 0, 0, 0, 8, 1, 0, 8, 1];

function filled(size: number, pattern: Uint8Array): Buffer {
  return Buffer.alloc(size - (size % pattern.length)).fill(pattern);
}

/** Signatures in one another (RFC 9580 §5.2.3.34), as many as 64 KiB hold. */
function embedded(): Buffer {
  let signature = Buffer.from(SIGNATURE);
  for (;;) {
    const head = Buffer.from([255, 0, 0, 0, 0, 32]);
    head.writeUInt32BE(signature.length + 1, 1);
    const size = head.length + signature.length;
    if (size > 65_535) return signature;
    signature = Buffer.concat([
      Buffer.from([4, 0x18, 22, 8, 0, 0, size >> 8, size & 255]),
      head,
      signature,
      Buffer.from([0, 0, 0, 8, 1, 0, 8, 1]),
    ]);
  }
}

const armored = (text: string) => Buffer.from(`-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n${text}`);

/** Files of keys that a reader without limits pays dearly for. */
export const HOSTILE_KEYS: Readonly<Record<string, () => Buffer>> = {
  "16 million user ids": () => Buffer.concat([key(1), filled(SIZE, Buffer.from([0xc0 | 13, 0]))]),
  "500,000 keys": () => filled(SIZE, key(1)),
  "200,000 subkeys": () => Buffer.concat([key(1), filled(SIZE / 4, key(2, 14))]),
  "one million signatures": () => Buffer.concat([key(1), USER_ID, filled(SIZE, packet(2, Buffer.from(SIGNATURE)))]),
  "signatures in one another": () => Buffer.concat([key(1), USER_ID, packet(2, embedded())]),
  "a key of one packet of 4 GiB": () => Buffer.concat([Buffer.from("c6ffffffffff", "hex"), Buffer.alloc(1000)]),
  "armor without an end": () => armored("A".repeat(SIZE)),
  "armor of blank lines": () => armored("\n".repeat(SIZE)),
  "six million armor headers": () => Buffer.concat([armored("").subarray(0, -1), filled(SIZE, Buffer.from("a: b\n"))]),
  "a million armor heads": () => filled(SIZE, Buffer.from("-----BEGIN PGP PUBLIC KEY BLOCK")),
  "as many zeros": () => Buffer.alloc(SIZE),
};

/** Files that stand where a PEM key or certificates should. */
export const HOSTILE_PEMS: Readonly<Record<string, () => Buffer>> = {
  "a key of 3 MiB": () =>
    Buffer.from(`-----BEGIN PUBLIC KEY-----\n${"A".repeat(3 * 2 ** 20)}\n-----END PUBLIC KEY-----\n`),
  "a private key of 3 MiB": () =>
    Buffer.from(`-----BEGIN PRIVATE KEY-----\n${"A".repeat(3 * 2 ** 20)}\n-----END PRIVATE KEY-----\n`),
  "150,000 beginnings of certificates": () => filled(4 * 2 ** 20, Buffer.from("-----BEGIN CERTIFICATE-----")),
  "a certificate of lists in one another": () =>
    Buffer.from(
      `-----BEGIN CERTIFICATE-----\n${filled(2.9 * 2 ** 20, Buffer.from([0x30, 0x80])).toString("base64")}\n-----END CERTIFICATE-----\n`,
    ),
};
