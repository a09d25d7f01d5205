import type { ContentId } from "../fstree/content.ts";
import type { EncodedBlock } from "../wasm/block-encoder.ts";
import type { FileCommitter } from "./file-committer.ts";

/** What the front end hands on beside blocks, in the order of the files. */
export type Item =
  | { readonly kind: "share"; readonly begin: () => void }
  | { readonly kind: "begin"; readonly hold: boolean }
  | { readonly kind: "holes"; readonly count: number; readonly size: number }
  | { readonly kind: "fragment"; readonly encoded: Promise<EncodedBlock> }
  | { readonly kind: "end"; readonly content: ContentId; readonly runSize: number };

/** A block in its place; undefined until it is encoded. */
interface BlockItem {
  readonly kind: "block";
  encoded: EncodedBlock | undefined;
}

/** Items after which those that are done leave the queue's front: not one by one, as there may be thousands. */
const SWEEP = 256;

/** Commits items in their order, as fast as their blocks are encoded, while the front end goes on. */
export class CommitQueue {
  readonly #committer: FileCommitter;
  readonly #onDone: (kind: Item["kind"] | "block") => void;
  readonly #onError: (error: unknown) => void;
  readonly #items: (Item | BlockItem)[] = [];
  /** The first item that is not done. */
  #next = 0;
  #isRunning = false;
  /** Nothing may be committed behind the gap. */
  #hasFailed = false;
  #wakeDrain = (): void => {};

  /**
   * @param onDone after each item
   * @param onError the first error; nothing is committed after it
   */
  constructor(
    committer: FileCommitter,
    onDone: (kind: Item["kind"] | "block") => void,
    onError: (error: unknown) => void,
  ) {
    this.#committer = committer;
    this.#onDone = onDone;
    this.#onError = onError;
  }

  push(item: Item): void {
    // Awaited in its turn; until then its failure is not unhandled.
    if (item.kind === "fragment") item.encoded.catch(() => {});
    this.#items.push(item);
    this.#goOn();
  }

  pushBlock(encoded: Promise<EncodedBlock>): void {
    const item: BlockItem = { kind: "block", encoded: undefined };
    this.#items.push(item);
    encoded.then(
      (block) => {
        item.encoded = block;
        this.#goOn();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Resolves once everything is committed, or nothing more will be. */
  async drain(): Promise<void> {
    while (this.#next < this.#items.length && !this.#hasFailed) {
      await new Promise<void>((resolve) => {
        this.#wakeDrain = resolve;
      });
    }
  }

  #goOn(): void {
    if (!this.#isRunning && !this.#hasFailed && this.#isReady()) void this.#run();
  }

  /** Whether there is an item to commit now. */
  #isReady(): boolean {
    const item = this.#items[this.#next];
    return item !== undefined && (item.kind !== "block" || item.encoded !== undefined);
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    try {
      while (this.#isReady() && !this.#hasFailed) {
        const item = this.#items[this.#next] as Item | BlockItem;
        const work = this.#commit(item);
        if (work !== undefined) await work;
        this.#done(item);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#isRunning = false;
    this.#wakeDrain();
  }

  #done({ kind }: Item | BlockItem): void {
    this.#next++;
    if (this.#next === SWEEP || this.#next === this.#items.length) {
      this.#items.splice(0, this.#next);
      this.#next = 0;
    }
    this.#onDone(kind);
  }

  #fail(error: unknown): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#items.length = 0;
    this.#next = 0;
    this.#onError(error);
    this.#wakeDrain();
  }

  /** Undefined where it was done at once. */
  #commit(item: Item | BlockItem): Promise<void> | undefined {
    switch (item.kind) {
      case "share":
        item.begin();
        return undefined;
      case "begin":
        this.#committer.begin(item.hold);
        return undefined;
      case "block":
        return this.#committer.block(item.encoded as EncodedBlock);
      case "holes":
        this.#committer.holes(item.count, item.size);
        return undefined;
      case "fragment":
        return this.#committer.fragment(item.encoded);
      case "end":
        return this.#committer.end(item.content, item.runSize);
    }
  }
}
