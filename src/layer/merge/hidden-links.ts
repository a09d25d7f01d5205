import type { ByteString } from "../../bytes/byte-string.ts";
import { BytePages } from "../../fstree/byte-pages.ts";
import { U32Column } from "../../fstree/columns.ts";
import type { InodeId } from "../../fstree/inodes.ts";

/** What a hard link's target is, seen from the link's layer at the link's moment. */
export type LinkTarget =
  | { readonly kind: "inode"; readonly inode: InodeId }
  /** A hidden entry of the layer, by its place in the tar. */
  | { readonly kind: "hidden"; readonly order: number }
  /** Not in this layer; below it at `path` (by real directories), if at all. `text` is what the link says. */
  | { readonly kind: "below"; readonly path: ByteString; readonly text: ByteString }
  /** Nowhere: this layer removed it before the link, but may have it again later. */
  | { readonly kind: "missing"; readonly text: ByteString }
  | { readonly kind: "directory" };

const KINDS = ["inode", "hidden", "below", "missing", "directory"] as const;

/** Targets of a layer's hidden hard links, as other links may point at those; a few bytes each. */
export class HiddenLinks {
  readonly #kinds = new U32Column();
  readonly #values = new U32Column();
  readonly #texts = new U32Column();
  readonly #bytes = new BytePages();
  #count = 0;

  add(target: LinkTarget): number {
    const link = this.#count++;
    this.#kinds.set(link, KINDS.indexOf(target.kind));
    if (target.kind === "inode") this.#values.set(link, target.inode);
    else if (target.kind === "hidden") this.#values.set(link, target.order);
    else if (target.kind === "below") this.#values.set(link, this.#bytes.add(target.path));
    if ("text" in target) this.#texts.set(link, this.#bytes.add(target.text));
    return link;
  }

  get(link: number): LinkTarget {
    const kind = KINDS[this.#kinds.get(link)] as LinkTarget["kind"];
    const value = this.#values.get(link);
    if (kind === "inode") return { kind, inode: value };
    if (kind === "hidden") return { kind, order: value };
    if (kind === "directory") return { kind };
    const text = this.#bytes.get(this.#texts.get(link));
    return kind === "below" ? { kind, path: this.#bytes.get(value), text } : { kind, text };
  }
}
