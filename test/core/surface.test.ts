import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

// The types of Node name WebAssembly only with the DOM's.
interface Described {
  readonly name: string;
  readonly kind: string;
}
interface WasmApi {
  readonly Module: (new (
    bytes: Uint8Array,
  ) => object) & { exports(module: object): Described[]; imports(module: object): Described[] };
}
const { Module } = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

const bytes = readFileSync(new URL("../../dist/core.wasm", import.meta.url));
const module = new Module(bytes);

describe("core.wasm", () => {
  it("exports this and no more", () => {
    const names = Module.exports(module).map((entry) => `${entry.kind} ${entry.name}`);
    expect(names.sort()).toEqual([
      "function adler32",
      "function contentHash",
      "function contentHashDigest",
      "function contentHashReset",
      "function contentHashUpdate",
      "function contentHashWord",
      "function deflate",
      "function init",
      "function initBest",
      "function inputAddress",
      "function isZero",
      "function lz4",
      "function outputAddress",
      "function shaDigest",
      "function shaReset",
      "function shaUpdate",
      "memory memory",
    ]);
  });

  it("imports nothing", () => {
    expect(Module.imports(module)).toEqual([]);
  });

  it("has no runtime code linked in", () => {
    // Strings, arrays and classes bring messages, type names and an allocator; static data would show them
    // (UTF-16) and the module would be several times as large.
    const text = Buffer.from(bytes).toString("utf16le") + Buffer.from(bytes.subarray(1)).toString("utf16le");
    expect(text).not.toMatch(/~lib|allocation|Index out of range/);
    expect(bytes.length).toBeLessThan(48 * 1024);
  });
});
