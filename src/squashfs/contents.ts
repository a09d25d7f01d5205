import { F64Column, SizeColumn, U32Column } from "../fstree/columns.ts";
import type { ContentId } from "../fstree/content.ts";
import { BlockLists } from "./block-lists.ts";
import { NO_FRAGMENT } from "./format.ts";

/** Blocks of a file that stand in a row, holes between them; files of equal blocks share one. 0 is none. */
export type RunId = number;

/**
 * Where the contents of files lie, in columns. A content is a run of blocks, then a tail in a fragment;
 * either may be missing. 16 bytes per file, 28 more and the block list per run.
 */
export class Contents {
  readonly lists: BlockLists = new BlockLists();
  readonly #sizes = new SizeColumn();
  readonly #runs = new U32Column();
  /** Index + 1; 0 is none. */
  readonly #fragments = new U32Column();
  readonly #fragmentOffsets = new U32Column();
  readonly #runStarts = new F64Column();
  readonly #runLists = new F64Column();
  readonly #runCounts = new U32Column();
  readonly #runHoles = new F64Column();
  readonly #blockSize: number;
  #count = 1;
  #runCount = 1;

  constructor(blockSize: number) {
    this.#blockSize = blockSize;
  }

  /** Number 0 is the empty content. */
  reserve(): ContentId {
    return this.#count++;
  }

  setRun(content: ContentId, size: number, run: RunId): void {
    this.#sizes.set(content, size);
    this.#runs.set(content, run);
  }

  setFragment(content: ContentId, index: number, offset: number): void {
    this.#fragments.set(content, index + 1);
    this.#fragmentOffsets.set(content, offset);
  }

  /**
   * @param list where its block list begins in `lists`
   * @param holes bytes in holes
   */
  addRun(start: number, list: number, count: number, holes: number): RunId {
    const run = this.#runCount++;
    this.#runStarts.set(run, start);
    this.#runLists.set(run, list);
    this.#runCounts.set(run, count);
    this.#runHoles.set(run, holes);
    return run;
  }

  has(content: ContentId): boolean {
    return content < this.#count;
  }

  size(content: ContentId): number {
    return this.#sizes.get(content);
  }

  /** Bytes of the tail, where it is in a fragment; full blocks never are. */
  tailSize(content: ContentId): number {
    return this.size(content) % this.#blockSize;
  }

  run(content: ContentId): RunId {
    return this.#runs.get(content);
  }

  fragmentIndex(content: ContentId): number {
    return (this.#fragments.get(content) || NO_FRAGMENT + 1) - 1;
  }

  fragmentOffset(content: ContentId): number {
    return this.#fragmentOffsets.get(content);
  }

  /** Offset of the run's first block in the image; 0 for nothing but holes. */
  runStart(run: RunId): number {
    return this.#runStarts.get(run);
  }

  runList(run: RunId): number {
    return this.#runLists.get(run);
  }

  runBlockCount(run: RunId): number {
    return this.#runCounts.get(run);
  }

  runHoles(run: RunId): number {
    return this.#runHoles.get(run);
  }
}
