import type { ContentId } from "../fstree/content.ts";
import type { EncodedBlock } from "../wasm/block-encoder.ts";
import type { FileCommitter } from "./file-committer.ts";

/** What the front end hands on, in the order of the files. */
export type Item =
  | { readonly kind: "share"; readonly begin: () => void }
  | { readonly kind: "begin"; readonly hold: boolean }
  | { readonly kind: "block"; readonly encoded: Promise<EncodedBlock> }
  | { readonly kind: "holes"; readonly count: number; readonly size: number }
  | { readonly kind: "fragment"; readonly encoded: Promise<EncodedBlock> }
  | { readonly kind: "end"; readonly content: ContentId; readonly runSize: number };

/** Commits items in their order, as fast as their blocks are encoded, while the front end goes on. */
export class CommitQueue {
  readonly #committer: FileCommitter;
  readonly #onDone: (item: Item) => void;
  readonly #onError: (error: unknown) => void;
  readonly #items: Item[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param onDone after each item
   * @param onError the first error; nothing is committed after it
   */
  constructor(committer: FileCommitter, onDone: (item: Item) => void, onError: (error: unknown) => void) {
    this.#committer = committer;
    this.#onDone = onDone;
    this.#onError = onError;
  }

  push(item: Item): void {
    // Awaited in its turn; until then its failure is not unhandled.
    if (item.kind === "block" || item.kind === "fragment") item.encoded.catch(() => {});
    this.#items.push(item);
    this.#running ??= this.#run();
  }

  /** Resolves once everything is committed, or nothing more will be. */
  async drain(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      // Not shift(): the queue may hold a thousand small files.
      for (let next = 0; next < this.#items.length; next++) {
        const item = this.#items[next] as Item;
        await this.#commit(item);
        this.#onDone(item);
        if (next === 255) {
          this.#items.splice(0, next + 1);
          next = -1;
        }
      }
      this.#items.length = 0;
      this.#running = undefined;
    } catch (error) {
      // Stays "running" for good: nothing may be committed behind the gap.
      this.#items.length = 0;
      this.#onError(error);
    }
  }

  async #commit(item: Item): Promise<void> {
    switch (item.kind) {
      case "share":
        return item.begin();
      case "begin":
        return this.#committer.begin(item.hold);
      case "block":
        return this.#committer.block(await item.encoded);
      case "holes":
        return this.#committer.holes(item.count, item.size);
      case "fragment":
        return this.#committer.fragment(item.encoded);
      case "end":
        return this.#committer.end(item.content, item.runSize);
    }
  }
}
