import type { Compression } from "./compression.ts";
import type { CoreModule } from "./core-module.ts";

/** The first message to a worker. */
export interface WorkerSetup {
  readonly compression: Compression;
  readonly blockSize: number;
  readonly module: CoreModule;
}

/** A block on its way to a worker; the buffer is transferred. */
export interface EncodeRequest {
  readonly buffer: ArrayBuffer;
  readonly size: number;
}

/** The same buffer on its way back. Answers come in the order of the requests. */
export interface EncodeAnswer {
  readonly buffer: ArrayBuffer;
  /** 0 where the block is stored: the buffer still holds it. */
  readonly compressedSize: number;
  readonly hash: readonly [number, number, number, number];
}
