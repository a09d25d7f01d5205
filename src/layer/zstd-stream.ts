import { ZSTDDecoder } from "zstddec/stream";
import { InternalError } from "../errors.ts";

/**
 * libzstd's streaming decoder, one WASM instance per stream.
 *
 * Why not what stands nearer: node:zlib has zstd from Node 22.15 on only, and there stops at the end of the
 * first frame if the next begins in the same chunk (seen in 24.21); pigz-like and zstd:chunked writers make
 * many frames. zstddec's own `decodeStreaming` takes a synchronous iterable, which a socket is not, and never
 * returns on damaged input. fzstd is a third as fast, moves the whole window per block, and skips checksums.
 * So zstddec gives the compiled libzstd, and the loop of libzstd's manual is here.
 */
export interface ZstdStream {
  /** Largest chunk that `feed` takes. */
  readonly inputSize: number;
  /** Copies a chunk in; the one before has been drained. */
  feed(chunk: Uint8Array): void;
  /** Decodes on, until the output buffer is full or the chunk is used up. */
  decode(): ZstdStep;
}

export type ZstdStep =
  | {
      readonly kind: "output";
      /** A view of the decoder's memory, valid until the next call. */
      readonly output: Uint8Array;
      /** Whether the chunk is used up and nothing of it waits. */
      readonly isDrained: boolean;
      readonly isInsideFrame: boolean;
    }
  /** `consumed`: bytes of the chunk in front of the block that failed. `reason` "window": a larger one than allowed. */
  | { readonly kind: "error"; readonly reason: string; readonly consumed: number };

/** What zstddec's module exports; it has no types for them. */
interface ZstdExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  malloc(size: number): number;
  ZSTD_createDCtx(): number;
  ZSTD_decompressStream(context: number, output: number, input: number): number;
}

// Node's own types name WebAssembly only together with the DOM's, which this project leaves out.
type WasmModule = object;
interface WasmApi {
  instantiate(module: WasmModule, imports: object): Promise<{ readonly exports: unknown }>;
}
const wasm = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

const INPUT_SIZE = 128 * 1024;
/** Larger than libzstd's 128 KiB: fewer turns of the stages behind. */
const OUTPUT_SIZE = 256 * 1024;

/** Opens a decoder; its memory goes when it is no longer referenced. */
export async function createZstdStream(): Promise<ZstdStream> {
  modulePromise ??= loadModule();
  const instance = await wasm.instantiate(await modulePromise, { env: { emscripten_notify_memory_growth: () => {} } });
  return wrap(instance.exports as ZstdExports);
}

let modulePromise: Promise<WasmModule> | undefined;

/** zstddec keeps its module to itself; the hook that it calls once, after compiling, is the way to it. */
async function loadModule(): Promise<WasmModule> {
  let module: WasmModule | undefined;
  const decoder = new ZSTDDecoder();
  decoder._init = (result) => {
    module = (result as { readonly module: WasmModule }).module;
  };
  await decoder.init();
  if (module === undefined) throw new InternalError("the zstd decoder was loaded elsewhere before");
  return module;
}

/** Offsets of ZSTD_inBuffer and ZSTD_outBuffer (zstd.h): pointer, size, position, each 32 bits. */
const SIZE = 4;
const POSITION = 8;
const BUFFER_STRUCT_SIZE = 12;

function wrap(zstd: ZstdExports): ZstdStream {
  const context = zstd.ZSTD_createDCtx();
  const input = zstd.malloc(INPUT_SIZE);
  const output = zstd.malloc(OUTPUT_SIZE);
  const inputStruct = zstd.malloc(BUFFER_STRUCT_SIZE);
  const outputStruct = zstd.malloc(BUFFER_STRUCT_SIZE);
  // A window's allocation grows the memory, which detaches older views: they are made per call.
  const view = () => new DataView(zstd.memory.buffer);
  return {
    inputSize: INPUT_SIZE,
    feed(chunk) {
      new Uint8Array(zstd.memory.buffer).set(chunk, input);
      const memory = view();
      memory.setUint32(inputStruct, input, true);
      memory.setUint32(inputStruct + SIZE, chunk.length, true);
      memory.setUint32(inputStruct + POSITION, 0, true);
    },
    decode() {
      const before = view();
      before.setUint32(outputStruct, output, true);
      before.setUint32(outputStruct + SIZE, OUTPUT_SIZE, true);
      before.setUint32(outputStruct + POSITION, 0, true);
      // Negative: an error code. Else 0 at a frame's end, or a hint how much the frame still needs.
      const result = zstd.ZSTD_decompressStream(context, outputStruct, inputStruct);
      const after = view();
      const consumed = after.getUint32(inputStruct + POSITION, true);
      if (result < 0) return { kind: "error", reason: ERRORS.get(-result) ?? `error ${-result}`, consumed };
      const produced = after.getUint32(outputStruct + POSITION, true);
      return {
        kind: "output",
        output: new Uint8Array(zstd.memory.buffer, output, produced),
        // At a frame's end all is flushed; decoding on without input would begin another frame.
        isDrained: consumed === after.getUint32(inputStruct + SIZE, true) && (result === 0 || produced < OUTPUT_SIZE),
        isInsideFrame: result !== 0,
      };
    },
  };
}

/** ZSTD_ErrorCode (zstd_errors.h), as far as a decoder meets them. */
const ERRORS: ReadonlyMap<number, string> = new Map([
  [10, "no frame begins there"],
  [12, "a frame of an old version"],
  [14, "an unsupported frame parameter"],
  [16, "window"],
  [20, "corrupt block"],
  [22, "wrong checksum"],
  [30, "corrupt dictionary"],
  [32, "a dictionary is needed"],
  [64, "out of memory"],
]);
