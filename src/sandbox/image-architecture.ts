import { ELF_HEAD_SIZE, readElfArch } from "../fstree/elf.ts";
import { SifArch } from "../sif/architecture.ts";
import { findPrimaryPartition, type SifImage } from "../sif/image.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { Inode } from "../squashfs/reader/inode.ts";

/** SIF architecture code of an image's programs: what the SIF says, else that of /bin/sh or the first ELF program; else 0. */
export async function imageArchitecture({
  sif,
  squashfs,
}: {
  readonly sif: SifImage | undefined;
  readonly squashfs: SquashfsImage;
}): Promise<number> {
  const extra = sif === undefined ? undefined : findPrimaryPartition(sif)?.extra;
  if (extra?.kind === "partition" && extra.arch !== SifArch.unknown) return extra.arch;
  const shell = await squashfs.lookup("bin/sh", { follow: true });
  const ofShell = shell === undefined ? 0 : await inodeArchitecture(squashfs, shell);
  if (ofShell !== 0) return ofShell;
  for await (const { inode } of squashfs.walk()) {
    const arch = await inodeArchitecture(squashfs, inode);
    if (arch !== 0) return arch;
  }
  return SifArch.unknown;
}

/** SIF architecture code of an executable ELF file, else 0. */
export async function inodeArchitecture(image: SquashfsImage, inode: Inode): Promise<number> {
  if (inode.kind !== "file" || (inode.mode & 0o111) === 0 || inode.size < ELF_HEAD_SIZE) return 0;
  const head = new Uint8Array(ELF_HEAD_SIZE);
  let position = 0;
  for await (const part of image.fileParts(inode, { end: ELF_HEAD_SIZE })) {
    if (part instanceof Uint8Array) head.set(part, position);
    position += part instanceof Uint8Array ? part.length : part.zeros;
  }
  return readElfArch(head);
}
