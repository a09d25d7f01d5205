import { createHash } from "node:crypto";
import type { ByteString } from "../../bytes/byte-string.ts";
import type { RandomAccess } from "../../bytes/random-access.ts";
import { READ_SIZE } from "../../cache/hash-file.ts";
import type { ContentStore } from "../../fstree/content.ts";
import { type InodeId, InodeKind } from "../../fstree/inodes.ts";
import type { FsTree } from "../../fstree/tree.ts";
import { walkPostOrder } from "../../fstree/walk.ts";

/** A store that keeps nothing of contents but their SHA-256. */
export class ContentDigests {
  /** By content, in hexadecimal; 0 is the empty one. */
  readonly #digests: string[] = [""];

  readonly contents: ContentStore = {
    add: async (size, parts) => {
      const hash = createHash("sha256");
      if (parts instanceof Uint8Array) hash.update(parts);
      else {
        for await (const part of parts) {
          // A hole counts for itself: that the same file is stored otherwise costs a build at most.
          hash.update(part instanceof Uint8Array ? part : `hole ${part.zeros}`);
        }
      }
      if (size === 0) return 0;
      return this.#digests.push(hash.digest("hex")) - 1;
    },
  };

  /** The digest of a tree whose contents this store took: every name, owner, mode, time, attribute and byte counts. */
  ofTree(tree: FsTree): string {
    const { inodes } = tree;
    const hash = createHash("sha256");
    const first = new Map<InodeId, ByteString>();
    for (const node of walkPostOrder(tree)) {
      const inode = tree.inode(node);
      const path = tree.path(node);
      const kind = inodes.kind(inode);
      const isDevice = kind === InodeKind.blockDevice || kind === InodeKind.charDevice;
      const facts = [
        ...[path, first.get(inode) ?? "", kind, inodes.mode(inode), inodes.uid(inode), inodes.gid(inode)],
        inodes.mtimeSec(inode),
        kind === InodeKind.file ? this.#digests[inodes.content(inode)] : "",
        kind === InodeKind.symlink ? inodes.target(inode) : "",
        isDevice ? `${inodes.deviceMajor(inode)}:${inodes.deviceMinor(inode)}` : "",
        inodes
          .xattrsOf(inodes.xattrSet(inode))
          .map(({ name, value }) => `${name}=${Buffer.from(value).toString("hex")}`)
          .sort((a, b) => (a < b ? -1 : 1)),
      ];
      hash.update(`${JSON.stringify(facts)}\n`);
      if (!first.has(inode)) first.set(inode, path);
    }
    return hash.digest("hex");
  }
}

/** The SHA-256 of all bytes of a source, in hexadecimal. */
export async function accessDigest(access: RandomAccess, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for (let offset = 0; offset < access.size; offset += READ_SIZE) {
    signal.throwIfAborted();
    hash.update(await access.read(offset, Math.min(READ_SIZE, access.size - offset)));
  }
  return hash.digest("hex");
}
