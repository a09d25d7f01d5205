import { DeffileError } from "./errors.ts";
import { isSilent, type SourceLine, splitLines } from "./source-lines.ts";

const NAME = /^\w+$/;

/** `NAME=VALUE`, as `--build-arg` has it and each line of a file of them; undefined where it is none. */
export function parseBuildArgument(text: string): [name: string, value: string] | undefined {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(equals, 0)).trim();
  return NAME.test(name) ? [name, text.slice(equals + 1).trim()] : undefined;
}

/**
 * Arguments from the command line.
 * @param origin names the option or the file in messages
 * @throws DeffileError BUILD_ARGUMENT_INVALID
 */
export function readBuildArguments(texts: readonly string[], origin: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const text of texts) {
    const pair = parseBuildArgument(text);
    if (pair === undefined) throw new DeffileError("BUILD_ARGUMENT_INVALID", { origin, seen: text });
    values.set(...pair);
  }
  return values;
}

/**
 * A file of arguments, one a line; blank lines and comments say nothing.
 * @throws DeffileError BUILD_ARGUMENT_INVALID
 */
export function readBuildArgumentFile(text: string, path: string): Map<string, string> {
  const lines = splitLines(text).filter((line) => !isSilent(line));
  return readBuildArguments(
    lines.map((line) => line.text),
    `--build-arg-file ${path}`,
  );
}

/** Defaults of a stage: the lines of its %arguments. */
export function readDefaults(lines: readonly SourceLine[], onSkipped: (line: SourceLine) => void): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of lines) {
    if (isSilent(line)) continue;
    const pair = parseBuildArgument(line.text.trim());
    if (pair === undefined) onSkipped(line);
    else values.set(...pair);
  }
  return values;
}
