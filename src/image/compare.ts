import type { ByteString } from "../bytes/byte-string.ts";
import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { Inode } from "../squashfs/reader/inode.ts";
import type { WalkEntry } from "../squashfs/reader/walk.ts";
import { ContentComparison } from "./compare-content.ts";
import { formatMode } from "./listing.ts";

/** What two files of one path can differ in. */
export const DIFFERENCE_FIELDS = [
  "kind",
  "mode",
  "owner",
  "mtime",
  "links",
  "size",
  "content",
  "target",
  "device",
  "xattrs",
] as const;
/** One of {@link DIFFERENCE_FIELDS}. */
export type DifferenceField = (typeof DIFFERENCE_FIELDS)[number];

/** A field that differs; `content` has no values. */
export interface FieldChange {
  readonly field: DifferenceField;
  readonly from?: ByteString;
  readonly to?: ByteString;
}

/** A path that only one image has, or that they have differently. */
export type ImageDifference =
  | { readonly kind: "removed" | "added"; readonly path: ByteString; readonly inode: Inode }
  | { readonly kind: "changed"; readonly path: ByteString; readonly changes: readonly FieldChange[] };

/** What of two images is compared. */
export interface CompareOptions {
  /** Fields that may differ. A different kind always counts. */
  readonly ignore?: ReadonlySet<DifferenceField>;
  readonly signal?: AbortSignal;
}

/**
 * What differs between two images, by path in the order of a walk; `removed` is what only the first one has.
 * Contents that both images hold in the same compressed blocks are not decompressed.
 * @throws SquashfsReadError where an image is damaged
 */
export async function* compareImages(
  from: SquashfsImage,
  to: SquashfsImage,
  { ignore = new Set(), signal }: CompareOptions = {},
): AsyncGenerator<ImageDifference, void, void> {
  const contents = new ContentComparison(from, to);
  const options = signal === undefined ? {} : { signal };
  const [left, right] = [from.walk("", options), to.walk("", options)];
  let [a, b] = [await next(left), await next(right)];
  while (a !== undefined || b !== undefined) {
    const order = a === undefined ? 1 : b === undefined ? -1 : compareWalkOrder(a.path, b.path);
    if (a !== undefined && order < 0) {
      yield { kind: "removed", path: a.path, inode: a.inode };
      a = await next(left);
    } else if (b !== undefined && order > 0) {
      yield { kind: "added", path: b.path, inode: b.inode };
      b = await next(right);
    } else if (a !== undefined && b !== undefined) {
      const changes = await compareInodes(a.inode, b.inode, { from, to, contents, ignore, signal });
      if (changes.length > 0) yield { kind: "changed", path: a.path, changes };
      [a, b] = [await next(left), await next(right)];
    }
  }
}

async function next(walk: AsyncGenerator<WalkEntry, void, void>): Promise<WalkEntry | undefined> {
  const { value, done } = await walk.next();
  return done === true ? undefined : (value as WalkEntry);
}

/** The order of `walk`: names bytewise, a directory's children right behind it, so "/" sorts in front of all. */
function compareWalkOrder(a: ByteString, b: ByteString): number {
  const [first, second] = [a.replaceAll("/", "\0"), b.replaceAll("/", "\0")];
  return first < second ? -1 : first > second ? 1 : 0;
}

interface Comparison {
  readonly from: SquashfsImage;
  readonly to: SquashfsImage;
  readonly contents: ContentComparison;
  readonly ignore: ReadonlySet<DifferenceField>;
  readonly signal: AbortSignal | undefined;
}

async function compareInodes(a: Inode, b: Inode, comparison: Comparison): Promise<FieldChange[]> {
  const { ignore, contents, signal } = comparison;
  if (a.kind !== b.kind) return [{ field: "kind", from: a.kind, to: b.kind }];
  const changes: FieldChange[] = [];
  const compare = (field: DifferenceField, from: ByteString, to: ByteString): void => {
    if (from !== to && !ignore.has(field)) changes.push({ field, from, to });
  };
  compare("mode", formatMode(a), formatMode(b));
  compare("owner", `${a.uid}:${a.gid}`, `${b.uid}:${b.gid}`);
  compare("mtime", formatTime(a.mtimeSec), formatTime(b.mtimeSec));
  // A directory's links follow from its entries, which are compared themselves.
  if (a.kind !== "directory") compare("links", String(a.linkCount), String(b.linkCount));
  if (a.kind === "file" && b.kind === "file") {
    compare("size", String(a.size), String(b.size));
    const unequal = a.size !== b.size || (!ignore.has("content") && !(await contents.isEqual(a, b, signal)));
    if (unequal && !ignore.has("content")) changes.push({ field: "content" });
  }
  if (a.kind === "symlink" && b.kind === "symlink") compare("target", a.target, b.target);
  if ("deviceMajor" in a && "deviceMajor" in b) {
    compare("device", `${a.deviceMajor}:${a.deviceMinor}`, `${b.deviceMajor}:${b.deviceMinor}`);
  }
  if (!ignore.has("xattrs")) {
    compare("xattrs", await xattrText(comparison.from, a), await xattrText(comparison.to, b));
  }
  return changes;
}

/** `2020-01-01T00:00:00Z` */
function formatTime(sec: number): string {
  return new Date(sec * 1000).toISOString().replace(".000Z", "Z");
}

/** Names in their order, values in hexadecimal: `user.a=6162 user.b=`. */
async function xattrText(image: SquashfsImage, inode: Inode): Promise<ByteString> {
  const xattrs = await image.xattrs(inode);
  return xattrs
    .map(({ name, value }) => `${name}=${Buffer.from(value).toString("hex")}`)
    .sort()
    .join(" ");
}
