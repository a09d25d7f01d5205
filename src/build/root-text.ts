import type { ByteString } from "../bytes/byte-string.ts";
import { InodeKind } from "../fstree/inodes.ts";
import { resolvePath } from "../fstree/resolve.ts";
import { NO_NODE } from "../fstree/tree.ts";
import { installFile } from "../singularity-d/install.ts";
import { makeDirectories } from "../singularity-d/make-directories.ts";
import type { Root, RootTarget } from "./root.ts";

/** A file of a container that a step writes. */
export interface TextFile {
  readonly path: ByteString;
  readonly mode: number;
  readonly text: string | Uint8Array;
}

/** The content of one of the files that steps know; undefined where there is none. */
export function readText({ tree, texts }: Root, path: ByteString): Uint8Array | undefined {
  const node = resolvePath(tree, path);
  return node === NO_NODE ? undefined : texts.get(tree.inode(node));
}

/**
 * Writes a file over what is there; directories that lead to it are made.
 * @throws SingularityDError NOT_A_DIRECTORY, IS_A_DIRECTORY; what the store throws
 */
export async function writeText(
  root: Root,
  { path, mode, text }: TextFile,
  { contents, mtimeSec }: { readonly contents: RootTarget["contents"]; readonly mtimeSec: number },
): Promise<void> {
  const { tree, texts } = root;
  const content = typeof text === "string" ? Buffer.from(text, "utf8") : text;
  const directory = { kind: InodeKind.directory, mode: 0o755, uid: 0, gid: 0, mtimeSec };
  makeDirectories(tree, path.slice(0, Math.max(path.lastIndexOf("/"), 0)), directory);
  await installFile(tree, { path, mode, content }, { contents, mtimeSec });
  texts.set(tree.inode(resolvePath(tree, path)), content);
}

/** Takes a file out of the root, if it is there. */
export function removeText({ tree }: Root, path: ByteString): void {
  const node = resolvePath(tree, path, { followLast: false });
  if (node !== NO_NODE) tree.remove(node);
}
