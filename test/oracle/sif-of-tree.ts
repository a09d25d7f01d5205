import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { FsTree } from "../../src/fstree/tree.ts";
import { walkPostOrder } from "../../src/fstree/walk.ts";
import { DataType } from "../../src/sif/data-type.ts";
import { deriveUuid } from "../../src/sif/identity.ts";
import { SifWriter } from "../../src/sif/writer.ts";
import type { ContainerFiles } from "../../src/singularity-d/container-files.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";
import type { KeptContents } from "../singularity-d/kept-contents.ts";

/** Writes a tree to a folder, as far as the caller's privileges go. */
export function writeTree(tree: FsTree, contents: KeptContents, folder: string): void {
  mkdirSync(folder);
  const { inodes } = tree;
  const make = (dir: number, path: string): void => {
    for (const node of tree.sortedChildren(dir)) {
      const inode = tree.inode(node);
      const target = join(path, tree.name(node));
      if (tree.isDirectory(node)) {
        mkdirSync(target);
        make(node, target);
      } else if (inodes.kind(inode) === InodeKind.symlink) symlinkSync(inodes.target(inode), target);
      else writeFileSync(target, contents.get(inodes.content(inode)));
    }
  };
  make(FsTree.root, folder);
  for (const node of walkPostOrder(tree)) {
    const inode = tree.inode(node);
    if (inodes.kind(inode) === InodeKind.symlink) continue;
    const path = join(folder, tree.path(node));
    if (process.getuid?.() === 0) chownSync(path, inodes.uid(inode), inodes.gid(inode));
    chmodSync(path, inodes.mode(inode));
    utimesSync(path, inodes.mtimeSec(inode), inodes.mtimeSec(inode));
  }
}

/** A SIF of a tree whose container files are installed, its partition made by mksquashfs. */
export async function sifOfTree(
  output: string,
  tree: FsTree,
  contents: KeptContents,
  files: ContainerFiles,
  metadata: string,
  arch: number,
): Promise<void> {
  const rootfs = `${output}.rootfs`;
  const partition = `${output}.squashfs`;
  writeTree(tree, contents, rootfs);
  execFileSync("mksquashfs", [rootfs, partition, "-noappend", "-quiet", "-no-progress", "-noD", "-noF"], {
    stdio: "ignore",
  });
  const sink = new MemorySink();
  const writer = await SifWriter.begin(sink, { uuid: deriveUuid("sha256:test"), timeSec: 1_600_000_000 });
  await writer.add({ dataType: DataType.definition }, Buffer.from(files.definitionText));
  await writer.add({ dataType: DataType.genericJson, name: "inspect-metadata.json" }, Buffer.from(metadata));
  await writer.add({ dataType: DataType.genericJson, name: "oci-config.json" }, Buffer.from(files.ociConfigJson));
  await (await writer.beginPartition()).write(readFileSync(partition));
  await writer.endPartition(arch);
  await writer.finish();
  writeFileSync(output, sink.bytes, { mode: 0o755 });
  rmSync(rootfs, { recursive: true, force: true });
  rmSync(partition);
}
