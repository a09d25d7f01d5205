import { describe, expect, it } from "vitest";
import { Logger, Verbosity } from "../../src/cli/logger.ts";
import { jsonProgress } from "../../src/cli/progress-json.ts";
import { messageProgress } from "../../src/cli/progress-messages.ts";
import { plainProgress } from "../../src/cli/progress-plain.ts";

const DIGEST = `sha256:${"ab".repeat(32)}`;

function capture(verbosity: Verbosity) {
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text) };
  return { lines, log: new Logger({ verbosity, stream, colour: true }) };
}

describe("plainProgress()", () => {
  it("prints one line per blob, and one every ten seconds", () => {
    const { lines, log } = capture(Verbosity.info);
    let nowMs = 1_000_000;
    const onProgress = plainProgress(log, () => nowMs);
    onProgress({ kind: "blob-start", role: "layer", digest: DIGEST, size: 20 * 1024 * 1024 });
    for (let second = 1; second <= 25; second++) {
      nowMs += 1000;
      onProgress({ kind: "blob-progress", digest: DIGEST, received: second * 512 * 1024, size: 20 * 1024 * 1024 });
    }
    onProgress({ kind: "blob-end", digest: DIGEST, size: 20 * 1024 * 1024 });
    expect(lines).toEqual([
      `Copying blob ${DIGEST} (20.0MiB)\n`,
      "  sha256:abababababab  5.0MiB / 20.0MiB  25 %  512.0KiB/s\n",
      "  sha256:abababababab  10.0MiB / 20.0MiB  50 %  512.0KiB/s\n",
    ]);
  });

  it("calls a config a config, and says nothing when quiet", () => {
    const loud = capture(Verbosity.info);
    plainProgress(loud.log)({ kind: "blob-start", role: "config", digest: DIGEST, size: 7 });
    expect(loud.lines).toEqual([`Copying config ${DIGEST} (7B)\n`]);
    const quiet = capture(Verbosity.quiet);
    plainProgress(quiet.log)({ kind: "blob-start", role: "config", digest: DIGEST, size: 7 });
    expect(quiet.lines).toEqual([]);
  });
});

describe("messageProgress()", () => {
  it("tells a retry with its reason, its turn and its delay", () => {
    const { lines, log } = capture(Verbosity.info);
    messageProgress(log)({
      kind: "retry",
      what: "blob sha256:1",
      attempt: 2,
      attempts: 6,
      delayMs: 1500,
      reason: "connection reset",
    });
    expect(lines).toEqual(["WARNING: blob sha256:1: connection reset; try 2 of 6 in 1.5 s\n"]);
  });

  it("lets no escape sequence of an image reach the terminal", () => {
    const { lines, log } = capture(Verbosity.info);
    messageProgress(log)({ kind: "warning", message: "name \u001b]0;evil\u0007 skipped" });
    expect(lines).toEqual(["WARNING: name \\u001b]0;evil\\u0007 skipped\n"]);
  });
});

describe("jsonProgress()", () => {
  it("writes one object a line with the event's own fields and the time", () => {
    const lines: string[] = [];
    jsonProgress({ write: (text: string) => lines.push(text) })({ kind: "stage", stage: "merge" });
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toMatchObject({ kind: "stage", stage: "merge", time: expect.any(Number) });
    expect(lines[0]?.endsWith("\n")).toBe(true);
  });
});
