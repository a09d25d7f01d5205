// node test/fuzz/squashfs-reader.mjs [--count N] [--seed N] [--from N] [--only N]: changes bytes of real small images and reads
// all of each. The result must be a typed error or an answer, within a second; memory is watched. Needs dist/.
// A mutation is named by its number: `--only N` repeats one.
import { readdirSync, readFileSync } from "node:fs";
import { bytesAccess } from "../../dist/bytes/random-access.js";
import { SquashfsImage } from "../../dist/squashfs/reader/image.js";
import { attemptAll, fuzz } from "./support/harness.mjs";
import { mutate } from "./support/mutate.mjs";

const FOLDER = new URL("../../fixtures/squashfs/", import.meta.url);
const SUPERBLOCK_SIZE = 96;

await fuzz(import.meta.url, async () => {
  const names = readdirSync(FOLDER).filter((name) => name.endsWith(".squashfs"));
  const images = names.map((name) => readFileSync(new URL(name, FOLDER)));
  const stored = names.indexOf("stored.squashfs");
  return (random) => {
    // Half of the mutations go to the image whose tables are not compressed: there they reach every field.
    const index = random(2) === 0 ? stored : random(images.length);
    const image = damage(images[index], random);
    const verify = random(2) === 0;
    return { name: names[index], run: () => readAll(image, verify) };
  };
});

/**
 * Verifies the whole image, or uses every other way of reading and goes on after an error in one of them, so that
 * it does not hide the others.
 */
async function readAll(bytes, verify) {
  const image = await SquashfsImage.open(bytesAccess(bytes, "mutation"));
  if (verify) {
    await image.verifyContent();
    return "no error";
  }
  /** @type {Error | undefined} */
  let firstError;
  const attempt = async (read) => {
    const error = await attemptAll([read]);
    firstError ??= error;
  };
  const files = [];
  await attempt(async () => {
    for await (const { inode } of image.walk()) files.push(inode);
  });
  for (const inode of files) {
    if (inode.xattrIndex !== undefined) await attempt(() => image.xattrs(inode));
    if (inode.kind !== "file") continue;
    await attempt(async () => {
      let size = 0;
      for await (const part of image.fileParts(inode)) size += part instanceof Uint8Array ? part.length : part.zeros;
      if (size !== inode.size) throw new Error(`file of ${inode.size} bytes gave ${size}`);
    });
  }
  for (const path of [
    "dir/sub/deep/file",
    "many/file number 150 with a name of some length",
    "absolute/deep/file",
    "link",
    "no/such",
  ])
    await attempt(() => image.lookup(path, { follow: true }));
  if (firstError !== undefined) throw firstError;
  return "no error";
}

function damage(original, random) {
  const used = Number(original.readBigUInt64LE(40));
  const tables = Number(original.readBigUInt64LE(64));
  const place = () => {
    switch (random(8)) {
      case 0:
        return random(SUPERBLOCK_SIZE);
      case 1:
        return random(used);
      default:
        return tables + random(used - tables);
    }
  };
  const words = {
    u16: [0, 1, 0xffff, 0x8000, 0x2001, 8192, 255, 256],
    u32: [0, 1, 0xffff_ffff, 0x7fff_ffff, 0x100_0000, used, tables],
    u64: [0n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 53n, BigInt(tables)],
  };
  const bytes = mutate(original, random, { place, end: used, words });
  // One in ten also loses its end, and some of those say so in the superblock.
  if (random(10) !== 0) return bytes;
  const size = random(bytes.length);
  if (size > SUPERBLOCK_SIZE && random(2) === 0) bytes.writeBigUInt64LE(BigInt(size), 40);
  return bytes.subarray(0, size);
}
