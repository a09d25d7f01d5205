// What the fuzz runs do to the bytes of an image.

/** Changes one place: `bytes`, where, where else, and numbers that are of interest in this image. */
const EDITS = {
  bit: ({ bytes, at, random }) => {
    bytes[at] ^= 1 << random(8);
  },
  byte: ({ bytes, at, random }) => {
    bytes[at] = random(256);
  },
  edgeByte: ({ bytes, at, random }) => {
    bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random(5)];
  },
  u16: ({ bytes, at, room, random, words }) => {
    if (room >= 2) bytes.writeUInt16LE(words.u16[random(words.u16.length)], at);
  },
  u32: ({ bytes, at, room, random, words }) => {
    if (room >= 4) bytes.writeUInt32LE(words.u32[random(words.u32.length)], at);
  },
  u64: ({ bytes, at, room, random, words }) => {
    if (room >= 8) bytes.writeBigUInt64LE(words.u64[random(words.u64.length)], at);
  },
  /** A piece of the image in another place. */
  copy: ({ bytes, at, room, random, place, end }) => {
    const from = place();
    bytes.copyWithin(at, from, from + Math.min(1 + random(64), end - from, room));
  },
};

/**
 * A copy with one to eight changes.
 * @param place gives an offset below `end`, drawn as the format makes it worth while
 * @param words numbers by width; a width that is left out is not written
 */
export function mutate(original, random, { place, end, words }) {
  const bytes = Buffer.from(original);
  const edits = Object.entries(EDITS).filter(([name]) => !/^u\d/.test(name) || words[name] !== undefined);
  const changes = 1 + (random(3) === 0 ? random(8) : 0);
  for (let i = 0; i < changes; i++) {
    const at = place();
    const [, edit] = edits[random(edits.length)];
    edit({ bytes, at, room: end - at, random, place, end, words });
  }
  return bytes;
}
