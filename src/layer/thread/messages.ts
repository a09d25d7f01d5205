import type { ProgressEvent } from "../../progress.ts";
import type { CoreModule } from "../../wasm/core-module.ts";
import type { LayerIdentity } from "../checked-tar.ts";
import type { ExpansionLimits } from "../limits.ts";
import type { Failure } from "./failure.ts";

/** A layer that the thread opens by itself. */
export interface Opening {
  readonly number: number;
  /** For the source's code; see `DetachedLayer`. */
  readonly description: unknown;
}

/** What a layer thread is told. It reads one layer after the other. */
export type LayerRequest =
  | {
      readonly kind: "open";
      readonly layer: LayerIdentity;
      readonly limits: Partial<ExpansionLimits> | undefined;
      /** Undefined where the stored bytes come through the port. */
      readonly opening: Opening | undefined;
    }
  /** This one is likely to come next: it may begin to be received. */
  | { readonly kind: "prepare"; readonly opening: Opening }
  /** The source of an opening was closed. */
  | { readonly kind: "close"; readonly number: number }
  | { readonly kind: "answer"; readonly question: number; readonly value: unknown }
  | { readonly kind: "refuse"; readonly question: number; readonly failure: Failure }
  /** The next stored bytes; their buffers are transferred. */
  | { readonly kind: "stored"; readonly chunks: readonly Uint8Array[] }
  /** No more stored bytes: all were there, or the source has failed. */
  | { readonly kind: "stored-end"; readonly hasFailed: boolean }
  /** Slots of the thread are free again, for which it waits. */
  | { readonly kind: "free" };

/** What a layer thread tells. */
export type LayerAnswer =
  /** So many stored bytes are read, and their memory is free. */
  | { readonly kind: "read"; readonly size: number }
  /** Entries are in the thread's slots, for which the reader waits. */
  | { readonly kind: "filled" }
  | { readonly kind: "progress"; readonly event: ProgressEvent }
  /** What the source's code asks of the source, for an opening. */
  | { readonly kind: "ask"; readonly opening: number; readonly question: number; readonly value: unknown }
  /** All is read and checked; the next layer may come. */
  | { readonly kind: "end" }
  | { readonly kind: "failed"; readonly failure: Failure };

/** What a thread is started with. */
export interface LayerThreadSetup {
  /** For entries with their contents, in slots of `SLOT_SIZE`: how far the thread may run ahead of its reader. */
  readonly memory: SharedArrayBuffer;
  /** A `SlotBoard`'s. */
  readonly board: SharedArrayBuffer;
  /** For hashes of small files. */
  readonly core: CoreModule;
}

/** Contents of no more than this lie in one piece, larger ones are cut at multiples of it: the usual size of a block. */
export const PIECE_SIZE: number = 128 * 1024;

/**
 * Bytes of a slot: eight pieces, and room for what is said of them. Smaller slots cost more turns of the event loop,
 * larger ones more memory, as a thread has two at least.
 */
export const SLOT_SIZE: number = 8 * PIECE_SIZE + 4096;
