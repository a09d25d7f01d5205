import type { ByteString } from "../bytes/byte-string.ts";
import type { ContainerView } from "../singularity-d/container-view.ts";
import { SquashfsReadError } from "../squashfs/reader/errors.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { Inode } from "../squashfs/reader/inode.ts";
import type { ViewOptions } from "./view-options.ts";

/** A container's files in its image. */
export function squashfsView(
  image: SquashfsImage,
  { largest = Number.POSITIVE_INFINITY }: ViewOptions = {},
): ContainerView {
  const lookup = async (path: ByteString): Promise<Inode | undefined> => {
    try {
      return await image.lookup(path, { follow: true });
    } catch (error) {
      // What the container itself would not find is not there; damage is another matter.
      if (!(error instanceof SquashfsReadError)) throw error;
      if (error.code !== "NOT_A_DIRECTORY" && error.code !== "SYMLINK_LOOP") throw error;
      return undefined;
    }
  };
  return {
    async read(path) {
      const inode = await lookup(path);
      return inode?.kind === "file" && inode.size <= largest ? image.readWhole(inode, { name: path }) : undefined;
    },
    async list(path) {
      const inode = await lookup(path);
      if (inode?.kind !== "directory") return undefined;
      const names: ByteString[] = [];
      for await (const { name } of image.readdir(inode)) names.push(name);
      return names;
    },
    async look(path) {
      const inode = await lookup(path);
      if (inode === undefined) return undefined;
      const kind = inode.kind === "file" || inode.kind === "directory" ? inode.kind : "other";
      return { kind, executable: (inode.mode & 0o111) !== 0 };
    },
  };
}
