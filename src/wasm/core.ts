import { copyBytes } from "../bytes/copy-bytes.ts";
import { InternalError } from "../errors.ts";
import type { Compression } from "./compression.ts";
import { type CoreExports, instantiateCore } from "./core-module.ts";

/** 128 bits as four 32-bit words, the highest first. */
export type ContentHash = [number, number, number, number];

/** A digest of one stream at a time: `reset`, any number of `update`, `digest`. */
export interface StreamingHash<T> {
  /** Begins anew; what was under way is forgotten. */
  reset(): void;
  /** Takes the next bytes, of any number. */
  update(input: Uint8Array): void;
  /** Ends the stream. `reset` must come before the next `update`. */
  digest(): T;
}

/** Options of {@link loadCore}. */
export interface CoreOptions {
  /** Largest block that `compress` takes, 1…1048576; default 131072. Memory grows with it. */
  readonly blockSize?: number;
}

/**
 * One instance of the WASM core: compression and checksums over its own fixed memory. Not reentrant;
 * one instance per thread.
 */
export interface Core {
  /** Largest input of `compress`. */
  readonly blockSize: number;
  /**
   * A zlib stream (RFC 1950) or LZ4 block of `input`, or undefined where that would not be smaller: store
   * the input then. The result is a view into WASM memory, borrowed until the next call of any method.
   * The same input gives the same bytes, whatever was compressed before. Throws RangeError past `blockSize`.
   */
  compress(input: Uint8Array, compression: Compression): Uint8Array | undefined;
  /** XXH128 of `input`, of any size: for finding duplicates, not against forgery. */
  contentHash(input: Uint8Array): ContentHash;
  /** The same for files longer than memory; independent of `compress` and of the one-shot hash. */
  readonly contentHasher: StreamingHash<ContentHash>;
  /** Adler-32 (RFC 1950 §8.2), unsigned, of `input` of any size. */
  adler32(input: Uint8Array): number;
  /** SHA-256 (FIPS 180-4); `digest` gives 32 bytes of the caller's own. */
  readonly sha256: StreamingHash<Uint8Array>;
  /** Whether every byte is zero; true for no bytes. */
  isZero(input: Uint8Array): boolean;
}

const DEFAULT_BLOCK_SIZE = 131072;
const BLOCK_SIZE_LIMIT = 1048576;

// Levels as assembly/deflate/zlib.ts counts them.
const DEFLATE_LEVEL = { fast: 0, default: 1, best: 2 } as const;

/** Compiles the core (once per process) and instantiates it. Takes a millisecond or two, then warms up. */
export function loadCore(options: CoreOptions = {}): Core {
  const blockSize = options.blockSize ?? DEFAULT_BLOCK_SIZE;
  if (!Number.isInteger(blockSize) || blockSize < 1 || blockSize > BLOCK_SIZE_LIMIT) {
    throw new RangeError(`blockSize is ${blockSize}, outside 1…${BLOCK_SIZE_LIMIT}`);
  }
  const wasm = instantiateCore();
  if (wasm.init(blockSize) === 0) throw new InternalError("the WASM core cannot lay out its memory", { blockSize });
  return new WasmCore(wasm, blockSize);
}

class WasmCore implements Core {
  readonly blockSize: number;
  readonly contentHasher: StreamingHash<ContentHash>;
  readonly sha256: StreamingHash<Uint8Array>;
  readonly #wasm: CoreExports;
  readonly #inputAddress: number;
  readonly #outputAddress: number;
  #bytes: Uint8Array;
  #bestReady = false;

  constructor(wasm: CoreExports, blockSize: number) {
    this.blockSize = blockSize;
    this.#wasm = wasm;
    this.#bytes = new Uint8Array(wasm.memory.buffer);
    this.#inputAddress = wasm.inputAddress();
    this.#outputAddress = wasm.outputAddress();
    this.contentHasher = {
      reset: () => wasm.contentHashReset(),
      update: (input) => this.#inPieces(input, (size) => wasm.contentHashUpdate(size)),
      digest: () => {
        wasm.contentHashDigest();
        return this.#contentHashWords();
      },
    };
    this.sha256 = {
      reset: () => wasm.shaReset(),
      update: (input) => this.#inPieces(input, (size) => wasm.shaUpdate(size)),
      digest: () => {
        const address = wasm.shaDigest();
        return this.#bytes.slice(address, address + 32);
      },
    };
  }

  compress(input: Uint8Array, compression: Compression): Uint8Array | undefined {
    if (input.length > this.blockSize) {
      throw new RangeError(`input is ${input.length} bytes, the core was loaded for ${this.blockSize}`);
    }
    if (compression.kind === "none") return undefined;
    if (compression.kind === "gzip" && compression.level === "best") this.#prepareBest();
    this.#take(input);
    const size =
      compression.kind === "gzip"
        ? this.#wasm.deflate(input.length, DEFLATE_LEVEL[compression.level])
        : this.#wasm.lz4(input.length, compression.level === "best" ? 1 : 0);
    if (size === 0) return undefined;
    return this.#bytes.subarray(this.#outputAddress, this.#outputAddress + size);
  }

  contentHash(input: Uint8Array): ContentHash {
    if (input.length <= this.blockSize) {
      this.#take(input);
      this.#wasm.contentHash(input.length);
    } else {
      this.#wasm.contentHashReset();
      this.#inPieces(input, (size) => this.#wasm.contentHashUpdate(size));
      this.#wasm.contentHashDigest();
    }
    return this.#contentHashWords();
  }

  adler32(input: Uint8Array): number {
    let checksum = 1;
    this.#inPieces(input, (size) => {
      checksum = this.#wasm.adler32(checksum, size);
    });
    return checksum >>> 0;
  }

  isZero(input: Uint8Array): boolean {
    // Most blocks that are not holes show it in their first bytes: spare those the copy.
    if (input.length > 0 && input[0] !== 0) return false;
    let zero = true;
    this.#inPieces(input, (size) => {
      zero &&= this.#wasm.isZero(size) !== 0;
    });
    return zero;
  }

  /** The near-optimal parse needs six times the memory of the others; it comes when first asked for. */
  #prepareBest(): void {
    if (this.#bestReady) return;
    if (this.#wasm.initBest() === 0) {
      throw new InternalError("the WASM core cannot grow its memory", { blockSize: this.blockSize });
    }
    this.#bytes = new Uint8Array(this.#wasm.memory.buffer);
    this.#bestReady = true;
  }

  #contentHashWords(): ContentHash {
    const word = (index: number): number => this.#wasm.contentHashWord(index) >>> 0;
    return [word(0), word(1), word(2), word(3)];
  }

  #take(input: Uint8Array): void {
    copyBytes(input, this.#bytes, this.#inputAddress);
  }

  #inPieces(input: Uint8Array, use: (size: number) => void): void {
    for (let start = 0; start < input.length; start += this.blockSize) {
      const piece = input.subarray(start, start + this.blockSize);
      this.#take(piece);
      use(piece.length);
    }
  }
}
