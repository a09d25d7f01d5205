import { Readable } from "node:stream";
import { streamChunks } from "../../bytes/stream-chunks.ts";
import { SifonError } from "../../errors.ts";
import { LayerError } from "../../layer/errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { SourceError } from "../errors.ts";
import { openBlob } from "./blob-request.ts";
import { connectionFailure } from "./connection-failure.ts";
import type { RegistryClient } from "./registry-client.ts";
import { RetryBudget } from "./retry-budget.ts";

export interface BlobStreamOptions {
  readonly client: RegistryClient;
  /** Who goes on, when a client's tries are spent; a digest is the same everywhere. Without one the blob has failed. */
  readonly instead?: (failed: RegistryClient, error: unknown) => Promise<RegistryClient | undefined>;
  readonly descriptor: Descriptor;
  /** The first byte that is wanted; 0 by default. */
  readonly offset?: number;
  /** How many bytes may wait for the reader; the connection pauses beyond. */
  readonly bufferSize: number;
  readonly signal: AbortSignal;
}

/**
 * A blob's stored bytes. Where a connection breaks, the next goes on at the byte where it broke, so that a
 * reader (and its running digest) sees one uncut stream that ends at exactly the descriptor's size. The digest is the
 * reader's to check.
 *
 * Fails with a `SourceError` once the tries without progress are spent, or at once where no try can help.
 */
export class BlobStream extends Readable {
  /** The connection makes a buffer for each read. */
  readonly givesChunksAway = true;
  readonly #options: BlobStreamOptions;
  #client: RegistryClient;
  readonly #abort = new AbortController();
  #started = false;
  #resume: (() => void) | undefined;
  #offset: number;
  #useRange = true;

  constructor(options: BlobStreamOptions) {
    super({ highWaterMark: options.bufferSize });
    this.#options = options;
    this.#offset = options.offset ?? 0;
    this.#client = options.client;
  }

  get #what(): string {
    return `reading blob ${this.#options.descriptor.digest} in ${this.#client.name}`;
  }

  override _read(): void {
    if (this.#started) {
      this.#resume?.();
      this.#resume = undefined;
      return;
    }
    this.#started = true;
    this.#download().then(
      () => this.push(null),
      (error: unknown) => this.destroy(error as Error),
    );
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#abort.abort(error ?? undefined);
    this.#resume?.();
    callback(error);
  }

  async #download(): Promise<void> {
    const { descriptor, instead } = this.#options;
    const signal = AbortSignal.any([this.#abort.signal, this.#options.signal]);
    let budget = this.#budget(signal);
    while (this.#offset < descriptor.size || descriptor.size === 0) {
      try {
        await this.#receive(budget, signal);
        return;
      } catch (error) {
        if (error instanceof SourceError && error.code === "RANGE_WRONG") this.#useRange = false;
        try {
          await budget.failed(error);
        } catch (final) {
          signal.throwIfAborted();
          const client = await instead?.(this.#client, final);
          if (client === undefined) throw final;
          this.#client = client;
          this.#useRange = true;
          budget = this.#budget(signal);
        }
      }
    }
  }

  #budget(signal: AbortSignal): RetryBudget {
    const { retry: policy, onProgress } = this.#client.options;
    return new RetryBudget({ policy, what: this.#what, onProgress, signal });
  }

  /** One connection's worth; returns when the blob is whole. */
  async #receive(budget: RetryBudget, signal: AbortSignal): Promise<void> {
    const { descriptor } = this.#options;
    const client = this.#client;
    const what = this.#what;
    const { digest, size } = descriptor;
    const request = { descriptor, offset: this.#offset, useRange: this.#useRange, what, signal };
    const { body, skip } = await openBlob(client, request);
    let toSkip = skip;
    try {
      for await (const piece of streamChunks(body)) {
        const chunk = toSkip === 0 ? piece : piece.subarray(Math.min(toSkip, piece.length));
        toSkip -= piece.length - chunk.length;
        if (chunk.length === 0) continue;
        if (this.#offset + chunk.length > size) {
          const seen = this.#offset + chunk.length;
          throw new LayerError("BLOB_SIZE_MISMATCH", { digest, size, seen });
        }
        this.#offset += chunk.length;
        budget.progressed(chunk.length);
        if (!this.push(chunk)) await this.#demand(signal);
      }
    } catch (error) {
      throw this.#named(error, signal);
    }
    if (this.#offset === size) return;
    const details = {
      what,
      offset: this.#offset,
      size,
      reason: `the connection ended at byte ${this.#offset} of ${size}`,
    };
    throw new SourceError("BLOB_TRUNCATED", { ...details, transient: true });
  }

  /** Until the reader wants more, or is gone. */
  async #demand(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    signal.throwIfAborted();
  }

  #named(error: unknown, signal: AbortSignal): unknown {
    if (error instanceof SifonError || signal.aborted) return error;
    const client = this.#client;
    const { endpoint, timeouts } = client.options;
    const { size } = this.#options.descriptor;
    const place = { what: this.#what, offset: this.#offset, size };
    return connectionFailure(error, { ...place, host: endpoint.host, timeouts, reached: client.reached });
  }
}
