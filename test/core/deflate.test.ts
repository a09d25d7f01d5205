import { inflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { loadCore } from "../../src/wasm/core.ts";
import { SAMPLES } from "./samples.ts";

const LEVELS = ["fast", "default", "best"] as const;
const SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 257, 258, 259, 4095, 4096, 32767, 32768, 32769];
const LARGE = [65535, 65536, 131072, 1048575, 1048576];

const core = loadCore({ blockSize: 1048576 });

describe.each(LEVELS)("Core.compress() at level %s", (level) => {
  it.each(SAMPLES)("inflates to its input: $name", ({ make }) => {
    for (const size of [...SIZES, ...LARGE]) {
      const input = make(size);
      const output = core.compress(input, { kind: "gzip", level });
      if (output === undefined) continue;
      expect(output.length, `${size} bytes`).toBeLessThan(size);
      expect(inflateSync(output).equals(input), `${size} bytes`).toBe(true);
    }
  });

  it.each(SAMPLES)("gives the same bytes from a fresh and a used instance: $name", ({ make }) => {
    for (const size of [100, 4096, 131072]) {
      const input = make(size);
      const used = core.compress(input, { kind: "gzip", level })?.slice();
      const fresh = loadCore({ blockSize: size }).compress(input, { kind: "gzip", level });
      expect(fresh === undefined || used === undefined ? fresh === used : Buffer.compare(fresh, used) === 0).toBe(true);
    }
  });
});
