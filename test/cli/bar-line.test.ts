import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { barLine } from "../../src/cli/bar-line.ts";

const MIB = 1 << 20;
const title = "Copying blob sha256:1f2e3d4c5b6a";
const half = { title, received: 2 * MIB, size: 4 * MIB, elapsedMs: 1000 };

describe("barLine()", () => {
  it.each([
    [120, half, `${title}      2.0MiB / 4.0MiB    [===============>--------------]  50 %  2.0MiB/s  1s`],
    [100, half, `${title}      2.0MiB / 4.0MiB    [======>-----]  50 %  2.0MiB/s  1s`],
    [80, half, `${title}      2.0MiB / 4.0MiB    [=======>------]  50 %`],
    [66, half, `${title}      2.0MiB / 4.0MiB     50 %`],
    [20, half, "Copying blob sha256"],
    [100, { ...half, received: 0 }, `${title}          0B / 4.0MiB    [>-----------]   0 %  0B/s`],
    [100, { ...half, received: 4 * MIB }, `${title}      4.0MiB / 4.0MiB    [============] 100 %  4.0MiB/s  1s`],
    [100, { ...half, size: 0, received: 0 }, `${title}          0B / 0B        [============] 100 %  0B/s  1s`],
    [100, { ...half, elapsedMs: 400_000 }, /5\.1KiB\/s {2}6m40s$/],
    [100, { ...half, elapsedMs: 4_000_000 }, /524B\/s {2}1h06m$/],
  ])("in %i columns", (columns, state, expected) => {
    if (typeof expected === "string") expect(barLine(state, columns)).toBe(expected);
    else expect(barLine(state, columns)).toMatch(expected);
  });

  it("never reaches the last column, where a terminal would wrap", () => {
    fc.assert(
      fc.property(
        fc.nat(300),
        fc.nat(2 ** 31),
        fc.nat(2 ** 31),
        fc.nat(2 ** 31),
        (columns, received, size, elapsedMs) => {
          expect(barLine({ title, received, size, elapsedMs }, columns).length).toBeLessThanOrEqual(
            Math.max(columns - 1, 0),
          );
        },
      ),
    );
  });
});
