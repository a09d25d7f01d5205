import { describe, expect, it } from "vitest";
import { unpackedSize } from "../../src/build/unpacked-size.ts";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { SquashfsImage } from "../../src/squashfs/reader/image.ts";
import { HOSTILE_IMAGES, sharedBlocks, soundImage } from "../support/hostile-images.ts";

const MIB = 2 ** 20;

describe("unpackedSize()", () => {
  it.each([
    ["nothing", soundImage(), 0],
    ["what files share, for each of them", sharedBlocks(3, 2), 6 * MIB],
    ["one file", HOSTILE_IMAGES["a data block of 64 MiB in 64 KiB"](), MIB],
  ])("counts %s", async (_, image, expected) => {
    expect(await unpackedSize(await SquashfsImage.open(bytesAccess(image)))).toBe(expected);
  });
});
