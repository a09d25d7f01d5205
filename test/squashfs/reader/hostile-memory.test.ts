import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXTENDED_FILE_INODE, InodeType, NO_FRAGMENT, NO_XATTRS } from "../../../src/squashfs/format.ts";
import { runCommand } from "../../support/command.ts";
import { SIFON_MAIN } from "../../support/sifon.ts";
import {
  buildImage,
  concat,
  deflatedBlock,
  directoryInode,
  inodeHeader,
  listing,
  storedBlock,
} from "../../support/squashfs-builder.ts";

const MIB = 2 ** 20;
/** Beyond what the process takes for a sound image, which is Node's own. */
const ALLOWED = 60 * MIB;
// The kernel's own count of the largest resident set, told by the process as it ends. (Not getrusage's: that one
// begins with what the parent held when it forked.)
const TELL_PEAK = `data:text/javascript,${encodeURIComponent(`
  import { readFileSync } from "node:fs";
  process.on("exit", () => process._rawDebug(/VmHWM:.*/.exec(readFileSync("/proc/self/status", "latin1"))[0]));
`)}`;

const ROOT = directoryInode(1, 0);

/** Zeros of so many metadata blocks behind the inode table's first bytes, 8 KiB each in about 30 bytes. */
function bombOf(blockCount: number, head: Uint8Array, directories: Uint8Array): Uint8Array {
  const first = new Uint8Array(8192);
  first.set(head);
  const zeros = Array<Uint8Array>(blockCount - 1).fill(deflatedBlock(new Uint8Array(8192)));
  const table = concat([deflatedBlock(first), ...zeros]);
  let calls = 0;
  const encode = (block: Uint8Array) => (calls++ === 0 ? table : storedBlock(block));
  return buildImage({ inodes: new Uint8Array(1), directories, inodeCount: 2, encode });
}

/** A file of 7.5 million holes: a block list of 30 MB in 110 KB. */
function holes(): Uint8Array {
  const directories = listing([{ name: "a", type: InodeType.file, inodeNumber: 2, offset: 32 }]);
  const count = 7_500_000;
  const inode = EXTENDED_FILE_INODE.encode({
    ...inodeHeader(InodeType.extendedFile, 2),
    blocksStart: 96n,
    fileSize: BigInt(count * 4096),
    sparseSize: 0n,
    linkCount: 1,
    fragmentIndex: NO_FRAGMENT,
    fragmentOffset: 0,
    xattrIndex: NO_XATTRS,
  });
  const head = concat([directoryInode(1, directories.length), inode]);
  return bombOf(Math.ceil((head.length + count * 4) / 8192), head, directories);
}

/** A stored image with padding that says it has everything there is. */
function absurd(superblock: NonNullable<Parameters<typeof buildImage>[0]["superblock"]>): Uint8Array {
  return buildImage({ inodes: ROOT, superblock });
}

function cycle(): Uint8Array {
  const directories = listing([{ name: "a", type: InodeType.directory, inodeNumber: 1, offset: 0 }]);
  return buildImage({ inodes: directoryInode(1, directories.length), directories });
}

describe("the memory that a hostile image takes", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "sifon-hostile-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** `sifon check FILE` in a process of its own. */
  async function check(image: Uint8Array) {
    const path = join(folder, "image.squashfs");
    await writeFile(path, image);
    const args = ["--max-old-space-size=100", "--import", TELL_PEAK, SIFON_MAIN, "check", path];
    const { code, stderr } = await runCommand(process.execPath, args);
    const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(stderr)?.[1]) * 1024;
    return { code, stderr, peak };
  }

  it.each([
    ["a file of 30 GB, all hole, whose block list is a bomb", holes, 0],
    ["a metadata block of 64 MB in 64 KB", () => bomb(64 * MIB), 255],
    ["4,294,967,295 inodes", () => absurd({ inodeCount: 0xffff_ffff }), 255],
    ["65,535 owners", () => absurd({ idCount: 0xffff }), 255],
    ["4,294,967,295 fragments", () => absurd({ fragmentCount: 0xffff_ffff, fragmentTableStart: 100n }), 255],
    ["a directory in itself", cycle, 255],
  ])("stays within 60 MiB of a sound one's: %s", async (_, image, expected) => {
    const sound = await check(buildImage({ inodes: ROOT }));
    expect(sound.code, sound.stderr).toBe(0);
    const { code, stderr, peak } = await check(image());
    expect(code, stderr).toBe(expected);
    // Less than Node alone would be a count gone wrong.
    expect(peak).toBeGreaterThan(20 * MIB);
    expect(peak - sound.peak).toBeLessThan(ALLOWED);
  });
});

function bomb(size: number): Uint8Array {
  return buildImage({ inodes: ROOT, encode: () => deflatedBlock(new Uint8Array(size)) });
}
