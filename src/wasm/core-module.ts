import { readFileSync } from "node:fs";

/** What assembly/index.ts exports. Booleans are 0 or 1, words signed. */
export interface CoreExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  init(blockSize: number): number;
  inputAddress(): number;
  outputAddress(): number;
  initBest(): number;
  deflate(size: number, level: number): number;
  lz4(size: number, best: number): number;
  adler32(start: number, size: number): number;
  isZero(size: number): number;
  contentHash(size: number): void;
  contentHashReset(): void;
  contentHashUpdate(size: number): void;
  contentHashDigest(): void;
  contentHashWord(index: number): number;
  shaReset(): void;
  shaUpdate(size: number): void;
  shaDigest(): number;
}

// Node's own types name WebAssembly only together with the DOM's, which this project leaves out.
interface WasmApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}
const { Module, Instance } = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** The core, compiled. Threads that get it in a message share its machine code, and each other's optimising of it. */
export type CoreModule = object;

let compiled: CoreModule | undefined;

/** The compiled core; compiled where that was not done yet, which takes a millisecond. */
export function compileCore(): CoreModule {
  // src/ and dist/ lie at equal depth, so one relative address serves the sources and the package.
  compiled ??= new Module(readFileSync(new URL("../../dist/core.wasm", import.meta.url)));
  return compiled;
}

/** Takes over what another thread has compiled. */
export function shareCore(module: CoreModule): void {
  compiled ??= module;
}

/** A fresh instance. The module has no imports; its memory has its least size until `init`. */
export function instantiateCore(): CoreExports {
  return new Instance(compileCore()).exports as CoreExports;
}
