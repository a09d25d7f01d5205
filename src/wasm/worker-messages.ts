import type { Compression } from "./compression.ts";
import type { CoreModule } from "./core-module.ts";

/** The first message to a worker. All that follows but `LentMemory` goes over the board. */
export interface WorkerSetup {
  readonly compression: Compression;
  readonly blockSize: number;
  readonly module: CoreModule;
  readonly board: BoardSetup;
}

/** How a worker finds its jobs, and answers them. */
export interface BoardSetup {
  readonly slotCount: number;
  /** Of the `JobBoard`. */
  readonly memory: SharedArrayBuffer;
  /** The slots, `blockSize` bytes each. */
  readonly slots: SharedArrayBuffer;
  /** Jobs that are left when an answer is told of. */
  readonly enough: number;
}

/** Memory that blocks lie in outside of the slots; it is sent before the first job names it. */
export interface LentMemory {
  readonly number: number;
  readonly memory: SharedArrayBuffer;
}
