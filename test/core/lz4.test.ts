import { describe, expect, it } from "vitest";
import { loadCore } from "../../src/wasm/core.ts";
import { decodeLz4 } from "./lz4-decode.ts";
import { SAMPLES } from "./samples.ts";

const SIZES = [
  0, 1, 4, 5, 11, 12, 13, 14, 17, 18, 269, 270, 271, 272, 4096, 65534, 65535, 65536, 65537, 131072, 1048576,
];
const core = loadCore({ blockSize: 1048576 });

describe.each(["fast", "best"] as const)("Core.compress() to LZ4, level %s", (level) => {
  it.each(SAMPLES)("decodes to its input: $name", ({ make }) => {
    for (const size of SIZES) {
      const input = make(size);
      const output = core.compress(input, { kind: "lz4", level });
      if (output === undefined) continue;
      expect(output.length, `${size} bytes`).toBeLessThan(size);
      expect(Buffer.compare(decodeLz4(output, size), input), `${size} bytes`).toBe(0);
    }
  });

  it.each(SAMPLES)("gives the same bytes from a fresh and a used instance: $name", ({ make }) => {
    const input = make(70000);
    const used = core.compress(input, { kind: "lz4", level })?.slice();
    const fresh = loadCore({ blockSize: 70000 }).compress(input, { kind: "lz4", level });
    expect(fresh === undefined ? used === undefined : used !== undefined && Buffer.compare(fresh, used) === 0).toBe(
      true,
    );
  });

  it("stores what it cannot shrink", () => {
    const random = SAMPLES.find((sample) => sample.name === "random");
    expect(core.compress(random?.make(131072) as Uint8Array, { kind: "lz4", level })).toBeUndefined();
  });
});
