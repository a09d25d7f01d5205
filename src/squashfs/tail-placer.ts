import type { Hash128 } from "../bytes/hash128.ts";
import type { ContentId } from "../fstree/content.ts";
import type { Core } from "../wasm/core.ts";
import type { Contents } from "./contents.ts";
import type { FragmentWriter } from "./fragment-writer.ts";
import { HashIndex } from "./hash-index.ts";

/** Finds places for tails and small files, equal ones once, in the order of the files. */
export class TailPlacer {
  readonly #core: Core;
  readonly #contents: Contents;
  readonly #fragments: FragmentWriter;
  readonly #tails = new HashIndex();

  constructor(core: Core, contents: Contents, fragments: FragmentWriter) {
    this.#core = core;
    this.#contents = contents;
    this.#fragments = fragments;
  }

  hash(tail: Uint8Array): Hash128 {
    return this.#core.contentHash(tail);
  }

  /** The first content that has brought this tail, or undefined. */
  find(hash: Hash128, size: number): ContentId | undefined {
    return this.#tails.find(hash, (other) => this.#contents.tailSize(other) === size);
  }

  /** Gives a content the place of another one's tail. */
  share(content: ContentId, known: ContentId): void {
    this.#contents.setFragment(content, this.#contents.fragmentIndex(known), this.#contents.fragmentOffset(known));
  }

  /** Puts a tail that is new into the open fragment block, which has room for it. */
  add(content: ContentId, tail: Uint8Array, hash: Hash128): void {
    this.#contents.setFragment(content, this.#fragments.index, this.#fragments.offset);
    this.#fragments.add(tail);
    this.#tails.insert(hash, content);
  }

  /** Gives up the hashes. No tail may follow. */
  forget(): void {
    this.#tails.clear();
  }
}
