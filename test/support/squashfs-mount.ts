import { mkdtemp, open, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun } from "./command.ts";
import { reportMissing } from "./tools.ts";

/** Where a partition lies in a SIF. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

/**
 * The primary system partition, read by a second hand: the offsets below come from looking at SIF files,
 * not from Sifon's own tables, so that a test does not agree with itself.
 */
export async function primaryPartition(sif: string): Promise<Extent> {
  const file = await open(sif);
  try {
    const head = Buffer.alloc(128);
    await file.read(head, 0, 128, 0);
    if (head.toString("latin1", 32, 41) !== "SIF_MAGIC") throw new Error(`${sif} is not a SIF`);
    const [total, table] = [Number(head.readBigInt64LE(88)), Number(head.readBigInt64LE(96))];
    for (let i = 0; i < total; i++) {
      const descriptor = Buffer.alloc(585);
      await file.read(descriptor, 0, 585, table + i * 585);
      const isPartition = descriptor.readInt32LE(0) === 0x4004 && descriptor[4] === 1;
      // In `extra`, at 201: file system type, then partition type; 2 is the primary one.
      if (isPartition && descriptor.readInt32LE(205) === 2) {
        return { offset: Number(descriptor.readBigInt64LE(17)), size: Number(descriptor.readBigInt64LE(25)) };
      }
    }
    throw new Error(`${sif} has no primary system partition`);
  } finally {
    await file.close();
  }
}

/** A file system that is mounted while `use` runs. */
export async function withMounted<T>(
  mount: (folder: string) => Promise<unknown>,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-mount-"));
  try {
    await mount(folder);
    try {
      return await use(folder);
    } finally {
      await mustRun("umount", [folder]);
    }
  } finally {
    await rmdir(folder);
  }
}

/** Mounts a SIF's tree through the kernel (root only) while `use` runs. */
export async function withKernelMount<T>(sif: string, use: (folder: string) => Promise<T>): Promise<T> {
  const { offset, size } = await primaryPartition(sif);
  const options = `loop,ro,offset=${offset},sizelimit=${size}`;
  return withMounted((folder) => mustRun("mount", ["-t", "squashfs", "-o", options, sif, folder]), use);
}

/** Mounting and unpacking owners and devices take root; where we are not, a test says so. */
export function requireRoot(): boolean {
  const root = process.getuid?.() === 0;
  if (!root) reportMissing("test needs root: it mounts or unpacks with owners and devices");
  return root;
}
