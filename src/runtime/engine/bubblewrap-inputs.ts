import type { Readable, Writable } from "node:stream";
import type { ProgramOptions } from "./program-options.ts";

/** The first descriptor behind the three standard streams: there bubblewrap finds its options (`--args 3`). */
export const FIRST_INPUT = 3;

/** What bubblewrap reads: its options, each ended by a zero byte, and the files that these name by descriptor. */
export function bubblewrapInputs({ options, files }: ProgramOptions): Uint8Array[] {
  return [Buffer.from(options.map((option) => `${option}\0`).join("")), ...files];
}

/** The options that name the descriptors: of the options, then, behind all inputs, of its report and of what it waits for. */
export function descriptorOptions(inputs: readonly Uint8Array[]): string[] {
  const report = FIRST_INPUT + inputs.length;
  return ["--args", String(FIRST_INPUT), "--json-status-fd", String(report), "--block-fd", String(report + 1)];
}

/** Writes each input to its descriptor, from {@link FIRST_INPUT} on, and ends it. */
export function giveInputs(
  stdio: readonly (Readable | Writable | null | undefined)[],
  inputs: readonly Uint8Array[],
): void {
  for (const [index, content] of inputs.entries()) {
    const pipe = stdio[FIRST_INPUT + index] as Writable | undefined;
    // A program that ends early, or never starts, breaks the pipe; how it ended tells.
    pipe?.on("error", () => {});
    pipe?.end(content);
  }
}
