import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import tar from "tar-stream";
import { openFileAccess } from "../../src/bytes/random-access.ts";
import type { RootImage } from "../../src/runtime/engine/plan.ts";
import { findPrimaryPartition } from "../../src/sif/image.ts";
import { readSif } from "../../src/sif/reader.ts";
import { requireTool } from "./tools.ts";

/** Programs for images: one static file. */
export const busybox: string | undefined = requireTool("busybox", "busybox-static");

/** What lies in an image beside busybox. */
export interface ImageFile {
  readonly content?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly linkTo?: string;
}

const APPLETS =
  "sh env printf cat ls id true false test sleep kill pwd touch mkdir rm stat hostname umask mount echo readlink wc tr grep sort seq ps find head tail cut sed awk od dd chmod ln cp mv sync tty stty date basename dirname expr uname".split(
    " ",
  );

/** A gzip-ed layer with busybox as /bin/busybox and links of its applets, and the given files. */
export async function busyboxLayer(files: Readonly<Record<string, ImageFile>> = {}): Promise<Buffer> {
  const applets = Object.fromEntries(APPLETS.map((name) => [`bin/${name}`, { linkTo: "busybox" }]));
  return layerOf({
    "bin/busybox": { content: readFileSync(busybox!).toString("latin1"), mode: 0o755 },
    ...applets,
    "etc/passwd": { content: "root:x:0:0:root:/root:/bin/sh\n" },
    "etc/group": { content: "root:x:0:\n" },
    ...files,
  });
}

/** A gzip-ed layer of files; contents are latin1. */
export async function layerOf(files: Readonly<Record<string, ImageFile>>): Promise<Buffer> {
  const pack = tar.pack();
  for (const [name, file] of Object.entries(files)) {
    const common = { name, mtime: new Date(1_500_000_000_000), uid: file.uid ?? 0, gid: file.uid ?? 0 };
    if (file.linkTo !== undefined) pack.entry({ ...common, type: "symlink", linkname: file.linkTo });
    else if (name.endsWith("/")) pack.entry({ ...common, type: "directory", mode: file.mode ?? 0o755 });
    else pack.entry({ ...common, mode: file.mode ?? 0o644 }, Buffer.from(file.content ?? "", "latin1"));
  }
  pack.finalize();
  return gzipSync(await buffer(pack));
}

/** The root image of a SIF, as the engine takes it. */
export async function rootImageOf(file: string): Promise<RootImage> {
  const access = await openFileAccess(file);
  try {
    const { offset, size } = findPrimaryPartition(await readSif(access))!;
    return { kind: "squashfs", file, offset, size };
  } finally {
    await access.close();
  }
}
