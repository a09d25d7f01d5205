import { open, stat } from "node:fs/promises";
import {
  DeffileError,
  type DefinitionFile,
  decodeDefinition,
  formatProblem,
  type ParsedDefinition,
  parseDefinition,
  readBuildArgumentFile,
  readBuildArguments,
  readWholeFile,
  readWholeStream,
  requireValid,
  systemReason,
} from "../index.ts";
import type { Context } from "./context.ts";
import { FatalError, UsageError } from "./exit.ts";
import type { Logger } from "./logger.ts";
import type { OptionSpec, OptionValues } from "./options.ts";

/** How a definition file is read and what of it is built. */
export const DEFINITION_OPTIONS: readonly OptionSpec[] = [
  { flags: "--check", description: "only tell what is wrong with a definition file: build --check FILE.def" },
  {
    flags: "--section <sections>",
    description: "sections to build, with commas between them: all, none, or some of setup, post, files, …",
    env: ["SECTION"],
    repeatable: true,
  },
  { flags: "--build-arg <NAME=value>", description: "a value for {{ NAME }} in a definition file", repeatable: true },
  { flags: "--build-arg-file <file>", description: "a file of NAME=value lines" },
  { flags: "--warn-unused-build-args", description: "warn of values that nothing asks for, instead of failing" },
  { flags: "-T, --notest", description: "do not run %test", env: ["NOTEST"] },
  { flags: "-u, --update", description: "run a definition over the sandbox that is there", env: ["UPDATE"] },
];

/** The source that means a definition on standard input. */
const STDIN_SOURCE = "-";

const SIF_MAGIC_OFFSET = 32;

interface Surroundings {
  readonly values: OptionValues;
  readonly log: Logger;
  readonly context: Context;
}

/** Whether a source that is no URI is a definition: a file that is no image, or standard input. */
export async function looksLikeDefinition(path: string): Promise<boolean> {
  if (path === STDIN_SOURCE) return true;
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isDirectory()) return false;
  if (!found.isFile()) return found.isFIFO();
  const file = await open(path, "r").catch((cause: Error) => {
    throw unableToOpen(path, path, cause);
  });
  try {
    const head = Buffer.alloc(64);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const text = head.toString("latin1", 0, bytesRead);
    return !text.startsWith("hsqs") && text.slice(SIF_MAGIC_OFFSET, SIF_MAGIC_OFFSET + 9) !== "SIF_MAGIC";
  } finally {
    await file.close();
  }
}

/** Reads a definition that is to be built; whatever is wrong with it ends the run, all of it told. */
export async function openDefinition(path: string, surroundings: Surroundings): Promise<DefinitionFile> {
  const { log, values } = surroundings;
  try {
    const parsed = await parse(path, surroundings);
    for (const warning of parsed.warnings) log.warning(warning);
    tellAll(parsed, log);
    const definition = requireValid(parsed);
    const { unusedArguments: names } = parsed;
    if (names.length === 0) return definition;
    if (!values.flag("warnUnusedBuildArgs")) throw new DeffileError("BUILD_ARGUMENT_UNUSED", { names });
    log.warning(`Unused build args: ${names.join(" ")}`);
    return definition;
  } catch (cause) {
    if (!(cause instanceof DeffileError)) throw cause;
    const what = cause.code === "DEFINITION_INVALID" ? "while parsing definition: " : "";
    throw new FatalError(`Unable to build from ${path}: ${what}${cause.message}`, { cause });
  }
}

/** `build --check FILE.def`: tells all that is wrong with a definition, and builds nothing. */
export async function checkDefinition(words: readonly string[], surroundings: Surroundings): Promise<void> {
  const { log } = surroundings;
  const [path, ...others] = words;
  if (path === undefined || others.length > 0) {
    throw new UsageError("build", `--check accepts 1 arg(s), received ${words.length}`);
  }
  await openDefinition(path, surroundings);
  log.info(`No problem found in ${path === STDIN_SOURCE ? "the definition" : path}`);
}

async function parse(path: string, { values, context }: Surroundings): Promise<ParsedDefinition> {
  const name = path === STDIN_SOURCE ? "standard input" : path;
  const text = decodeDefinition(
    path === STDIN_SOURCE ? await readWholeStream(context.stdin, name, context) : await read(path, path, context),
    name,
  );
  const file = values.text("buildArgFile");
  const fromFile =
    file === undefined ? [] : readBuildArgumentFile((await read(file, path, context)).toString("utf8"), file);
  const given = readBuildArguments(values.texts("buildArg"), "--build-arg");
  return parseDefinition(text, { name, buildArguments: new Map([...fromFile, ...given]) });
}

async function read(file: string, definition: string, { signal }: Context): Promise<Buffer> {
  return readWholeFile(file, { signal }).catch((cause: Error) => {
    signal.throwIfAborted();
    throw unableToOpen(definition, file, cause);
  });
}

/** Why a file for a build cannot be read, in Apptainer's words. */
export function unableToOpen(source: string, file: string, cause: Error): FatalError {
  return new FatalError(
    `Unable to build from ${source}: unable to open file ${file}: open ${file}: ${systemReason(cause)}`,
    { cause },
  );
}

/** One problem is told by the error that ends the run; several have a line each. */
function tellAll({ definition, problems }: ParsedDefinition, log: Logger): void {
  if (problems.length > 1) for (const problem of problems) log.error(formatProblem(definition.name, problem));
}
