import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pack } from "tar-stream";
import { InodeKind } from "../../src/fstree/inodes.ts";
import { FsTree } from "../../src/fstree/tree.ts";
import type { KeptContents } from "../singularity-d/kept-contents.ts";

/** Writes an OCI layout with one image of one layer: the tree, and this text as the config's `config` member. */
export async function writeOciLayout(
  folder: string,
  tree: FsTree,
  contents: KeptContents,
  configText: string,
): Promise<void> {
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const blob = (mediaType: string, bytes: Uint8Array) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(folder, "blobs/sha256", hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const layer = blob("application/vnd.oci.image.layer.v1.tar", await tarOfTree(tree, contents));
  const rootfs = JSON.stringify({ type: "layers", diff_ids: [layer.digest] });
  const text = `{"created":"2020-01-02T03:04:05Z","architecture":"amd64","os":"linux","config":${configText},"rootfs":${rootfs}}`;
  const config = blob("application/vnd.oci.image.config.v1+json", Buffer.from(text));
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = blob(
    mediaType,
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] })),
  );
  const platform = { os: "linux", architecture: "amd64" };
  writeFileSync(
    join(folder, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, platform }] }),
  );
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
}

async function tarOfTree(tree: FsTree, contents: KeptContents): Promise<Uint8Array> {
  const packing = pack();
  const { inodes } = tree;
  const add = (dir: number): void => {
    for (const node of tree.sortedChildren(dir)) {
      const inode = tree.inode(node);
      const common = {
        name: tree.path(node),
        mode: inodes.mode(inode),
        uid: inodes.uid(inode),
        gid: inodes.gid(inode),
        mtime: new Date(inodes.mtimeSec(inode) * 1000),
      };
      if (tree.isDirectory(node)) {
        packing.entry({ ...common, type: "directory" });
        add(node);
      } else if (inodes.kind(inode) === InodeKind.symlink) {
        packing.entry({ ...common, type: "symlink", linkname: inodes.target(inode) });
      } else {
        packing.entry(common, Buffer.from(contents.get(inodes.content(inode))));
      }
    }
  };
  add(FsTree.root);
  packing.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of packing) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
