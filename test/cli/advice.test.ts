import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { advisedMessage } from "../../src/cli/advice.ts";
import { FatalError } from "../../src/cli/exit.ts";
import { SifonError } from "../../src/errors.ts";
import { OciError } from "../../src/oci/errors.ts";
import { EngineError } from "../../src/runtime/engine/errors.ts";
import { SinkError } from "../../src/sink/errors.ts";
import { SourceError } from "../../src/source/errors.ts";

const SRC = fileURLToPath(new URL("../../src/", import.meta.url));

/** What errors of the library may say of options: Apptainer's own sentences, and another program's option. */
const FOREIGN = ["--arch-variant option", "--warn-unused-build-args to show", "--format v2s2"];

describe("advisedMessage()", () => {
  it.each<[what: string, error: unknown, end: string]>([
    [
      "a code with advice",
      new SinkError("OUTPUT_EXISTS", { path: "x" }),
      "already exists. Use --force to overwrite it.",
    ],
    ["a code without", new SifonError("UNHEARD_OF", "It failed."), "It failed."],
    ["no error of the library", new TypeError("no"), "no"],
    ["no error at all", "no", "no"],
    [
      "the cause of a refusal",
      new FatalError("While: it exists.", { cause: new SinkError("OUTPUT_EXISTS", { path: "x" }) }),
      "While: it exists. Use --force to overwrite it.",
    ],
    [
      "credentials where none were shown",
      new SourceError("DENIED", { what: "x", host: "h", origin: "none", anonymous: true }),
      "or give credentials. --docker-username and --docker-password give them, or --authfile.",
    ],
    [
      "credentials that were shown",
      new SourceError("DENIED", { what: "x", host: "h", origin: "a file", anonymous: false }),
      "and that this account may pull the image.",
    ],
    [
      "an image for other systems alone",
      new OciError("PLATFORM_MISMATCH", { what: "x", seen: "linux/arm64", platform: "linux/amd64" }),
      "Take that one, or name another image. Without --arch it is taken.",
    ],
    [
      "arguments that are too long together",
      new EngineError("ARGUMENTS_TOO_LONG", { longestBytes: 5, longestLimit: 5, longest: "A" }),
      "ulimit -s. --cleanenv leaves the host's variables out.",
    ],
    [
      "one argument that is too long",
      new EngineError("ARGUMENTS_TOO_LONG", { longestBytes: 6, longestLimit: 5, longest: "A" }),
      "through standard input.",
    ],
  ])("%s", (_, error, end) => {
    expect(advisedMessage(error).slice(-end.length)).toBe(end);
  });
});

it("the library's tables of messages name no options: those who embed it have none", () => {
  const tables = (readdirSync(SRC, { recursive: true }) as string[]).filter((file) => /(^|[/])errors\.ts$/.test(file));
  expect(tables.length).toBeGreaterThan(15);
  const named = tables.flatMap((file) => {
    const text = FOREIGN.reduce((rest, known) => rest.replaceAll(known, ""), readFileSync(SRC + file, "utf8"));
    return [...text.replace(/^ *(?:\/\*\*|\*|\/\/).*$/gm, "").matchAll(/--[a-z][a-z-]+/g)].map(
      ([option]) => `${file}: ${option}`,
    );
  });
  expect(named).toEqual([]);
});
