import type { ByteString } from "../bytes/byte-string.ts";
import { escapeName } from "../bytes/escape-name.ts";
import { EMPTY_LISTING } from "../squashfs/format.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { Inode } from "../squashfs/reader/inode.ts";
import type { WalkEntry } from "../squashfs/reader/walk.ts";

/** What of an image is listed. */
export interface ListOptions {
  /** Everything below the directory; default its own entries. */
  readonly recursive?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * What `ls` shows of a path: a directory's entries, or the one file. Symlinks on the way are followed, the last
 * one only where the path ends in a slash. Paths are as one would type them after `path`: names in a
 * directory, paths from the root where `recursive`.
 * @throws SquashfsReadError NOT_FOUND, and where the image is damaged
 */
export async function* listPath(
  image: SquashfsImage,
  path: ByteString,
  { recursive = false, signal }: ListOptions = {},
): AsyncGenerator<WalkEntry, void, void> {
  const inode = await image.stat(path, { follow: path.endsWith("/") ? true : "parents" });
  if (inode.kind !== "directory") {
    yield { path: path.replace(/\/+$/, ""), inode };
    return;
  }
  if (recursive) {
    const prefix = cleanPath(path);
    const separator = prefix === "" ? "" : "/";
    for await (const entry of image.walk(inode, signal === undefined ? {} : { signal })) {
      if (entry.path !== "") yield { ...entry, path: prefix + separator + entry.path };
    }
    return;
  }
  for await (const entries of image.entries(inode)) {
    signal?.throwIfAborted();
    yield* entries;
  }
}

function cleanPath(path: ByteString): ByteString {
  return path
    .split("/")
    .filter((name) => name !== "" && name !== ".")
    .join("/");
}

const KIND_LETTERS: Readonly<Record<Inode["kind"], string>> = {
  file: "-",
  directory: "d",
  symlink: "l",
  charDevice: "c",
  blockDevice: "b",
  fifo: "p",
  socket: "s",
};

/** Texts by kind and mode: most files of an image have one of a few. */
const MODE_COLUMNS = new Map<string, Map<number, string>>(Object.keys(KIND_LETTERS).map((kind) => [kind, new Map()]));

/** `drwxr-sr-t`, as `ls -l` has it. */
export function formatMode({ kind, mode }: Pick<Inode, "kind" | "mode">): string {
  const known = MODE_COLUMNS.get(kind)?.get(mode);
  if (known !== undefined) return known;
  const text = modeColumn(kind, mode);
  MODE_COLUMNS.get(kind)?.set(mode, text);
  return text;
}

function modeColumn(kind: Inode["kind"], mode: number): string {
  const bits = [8, 7, 6, 5, 4, 3, 2, 1, 0].map((bit, i) => ((mode >> bit) & 1 ? "rwx"[i % 3] : "-"));
  const special = (bit: number, at: number, letter: string): void => {
    if ((mode & bit) !== 0) bits[at] = bits[at] === "x" ? letter : letter.toUpperCase();
  };
  special(0o4000, 2, "s");
  special(0o2000, 5, "s");
  special(0o1000, 8, "t");
  return KIND_LETTERS[kind] + bits.join("");
}

/**
 * A line like one of `ls -l --numeric-uid-gid --time-style=long-iso`: mode, links, owner, size or device
 * numbers, time in UTC, path, and a symlink's target. Columns have least widths, so that lines can stream.
 * Names are escaped (`escapeName`), the arrow in a link's name, too: none is to pass for another, or for another line.
 */
export function formatListing({ path, inode }: WalkEntry): ByteString {
  const links = String(inode.linkCount).padStart(3);
  const owner = `${String(inode.uid).padStart(5)} ${String(inode.gid).padStart(5)}`;
  const time = minuteText(inode.mtimeSec);
  const name = escapeName(path);
  const shown = inode.kind === "symlink" ? `${name.replaceAll(" ->", "\\040->")} -> ${escapeName(inode.target)}` : name;
  return `${formatMode(inode)} ${links} ${owner} ${sizeColumn(inode).padStart(10)} ${time} ${shown}`;
}

/** Of the entry before: neighbours are often of one time, and dates take longer than all else of a line. */
let recent = { sec: Number.NaN, text: "" };

function minuteText(sec: number): string {
  if (sec !== recent.sec) {
    recent = { sec, text: new Date(sec * 1000).toISOString().slice(0, 16).replace("T", " ") };
  }
  return recent.text;
}

function sizeColumn(inode: Inode): string {
  switch (inode.kind) {
    case "file":
      return String(inode.size);
    case "symlink":
      return String(inode.target.length);
    case "charDevice":
    case "blockDevice":
      return `${inode.deviceMajor}, ${inode.deviceMinor}`;
    case "directory":
      // What the kernel and unsquashfs show.
      return String(inode.listingSize + EMPTY_LISTING);
    case "fifo":
    case "socket":
      return "0";
  }
}
