import { describe, expect, it } from "vitest";
import { deriveUuid, formatUuid, imageTimeSec } from "../../src/sif/identity.ts";

describe("deriveUuid()", () => {
  it("is a version 4 UUID that only the digest decides", () => {
    const one = formatUuid(deriveUuid("sha256:1"));
    expect(one).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(formatUuid(deriveUuid("sha256:1"))).toBe(one);
    expect(formatUuid(deriveUuid("sha256:2"))).not.toBe(one);
  });

  it("keeps its value from release to release", () => {
    expect(formatUuid(deriveUuid(`sha256:${"0".repeat(64)}`))).toBe("9422e1ca-43c2-4c53-ae29-4c69832ab498");
  });
});

describe("imageTimeSec()", () => {
  it.each([
    ["2020-01-02T03:04:05Z", undefined, 1_577_934_245],
    ["2020-01-02T03:04:05.999999999Z", undefined, 1_577_934_245],
    ["2020-01-02T03:04:05+02:00", undefined, 1_577_927_045],
    ["2020-01-02T03:04:05.123456789-07:00", undefined, 1_577_959_445],
    ["0001-01-01T00:00:00Z", undefined, 0],
    ["1969-12-31T23:59:59Z", undefined, 0],
    ["2106-02-07T06:28:15Z", undefined, 4_294_967_295],
    ["2106-02-07T06:28:16Z", undefined, 4_294_967_295],
    [undefined, undefined, 0],
    ["", "", 0],
    ["2020-01-02T03:04:05Z", "", 1_577_934_245],
    ["2020-01-02T03:04:05Z", "0", 0],
    ["2020-01-02T03:04:05Z", "1700000000", 1_700_000_000],
    ["nonsense", "4294967295", 4_294_967_295],
    [undefined, "4294967296", 4_294_967_295],
  ])("created %s, SOURCE_DATE_EPOCH %s: %i", (created, epoch, expected) => {
    expect(imageTimeSec(created, epoch)).toBe(expected);
  });

  it.each([
    ["yesterday", undefined],
    ["2020", undefined],
    ["2020-13-45T00:00:00Z", undefined],
    [undefined, "-1"],
    [undefined, "1.5"],
    [undefined, "now"],
  ])("refuses created %s, SOURCE_DATE_EPOCH %s", (created, epoch) => {
    expect(() => imageTimeSec(created, epoch)).toThrow(expect.objectContaining({ code: "TIME_INVALID" }));
  });
});
