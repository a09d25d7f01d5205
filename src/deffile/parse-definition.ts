import { stageBase } from "./agents.ts";
import { readDefaults } from "./build-arguments.ts";
import type { DefinitionFile, Stage } from "./definition.ts";
import { DeffileError, type DefinitionProblem, quoted } from "./errors.ts";
import { readStage } from "./read-stage.ts";
import { splitLines } from "./source-lines.ts";
import { splitSections } from "./split-sections.ts";
import { type StageText, splitStages } from "./split-stages.ts";
import { substitute } from "./substitute.ts";

/** How a definition file is read. */
export interface ParseOptions {
  /** The file's, for messages. */
  readonly name: string;
  /** Values of `{{ NAME }}` that go before those of %arguments. */
  readonly buildArguments?: ReadonlyMap<string, string>;
}

/** All that can be said of a definition file without building it. */
export interface ParsedDefinition {
  /** As far as it could be read; whole where there are no problems. */
  readonly definition: DefinitionFile;
  /** In the order of lines. */
  readonly problems: readonly DefinitionProblem[];
  readonly warnings: readonly string[];
  /** Build arguments that no stage asks for. */
  readonly unusedArguments: readonly string[];
}

/** Reads a definition file, as far as it can be read: nothing is looked up, and all that is wrong is told. */
export function parseDefinition(text: string, { name, buildArguments = new Map() }: ParseOptions): ParsedDefinition {
  const problems: DefinitionProblem[] = [];
  const warnings: string[] = [];
  const used = new Set<string>();
  const onProblem = (problem: DefinitionProblem) => void problems.push(problem);
  const stages: Stage[] = [];
  let stored = "";
  const written = splitStages(text.replace(/^\uFEFF/, ""), onProblem);
  if (written.length === 0) {
    onProblem({ line: 0, seen: "no stages found in definition file", expected: "a header: Bootstrap and From" });
  }
  for (const stageText of written) {
    const values = argumentsOf(stageText, buildArguments, warnings);
    const filled = fill(stageText, values, used, onProblem);
    stored += filled.text;
    const stage = readStage(filled.lines, stages.length, onProblem);
    stageBase(stage, stageText.line, onProblem);
    checkReferences(stage, stages, onProblem);
    stages.push(stage);
  }
  return {
    definition: { name, stages, text: stored },
    problems: problems.sort((a, b) => a.line - b.line),
    warnings,
    unusedArguments: [...buildArguments.keys()].filter((argument) => !used.has(argument)),
  };
}

/**
 * The definition, or an error that tells all that is wrong with it.
 * @throws DeffileError DEFINITION_INVALID
 */
export function requireValid({ definition, problems }: ParsedDefinition): DefinitionFile {
  if (problems.length > 0) throw new DeffileError("DEFINITION_INVALID", { name: definition.name, problems });
  return definition;
}

/** Values for a stage's placeholders: those from outside before its own %arguments. */
function argumentsOf(
  { text, line }: StageText,
  given: ReadonlyMap<string, string>,
  warnings: string[],
): ReadonlyMap<string, string> {
  const { sections } = splitSections(splitLines(text, line));
  const lines = sections.filter((section) => section.name === "arguments").flatMap((section) => section.body);
  const defaults = readDefaults(lines, ({ text: skipped }) => {
    const shown = quoted(skipped.trim());
    warnings.push(`Skipping ${shown} in 'arguments' section: ${shown} is not a key=value pair`);
  });
  return new Map([...defaults, ...given]);
}

/** A stage with its placeholders filled; lines keep the numbers that they have in the file. */
function fill(
  { text, line: firstLine }: StageText,
  values: ReadonlyMap<string, string>,
  used: Set<string>,
  onProblem: (problem: DefinitionProblem) => void,
) {
  const ends = text.split("\n");
  const filled = ends.map((end, index) =>
    substitute(end, {
      lookUp: (name) => {
        used.add(name);
        return values.get(name);
      },
      onUndefined: (name) =>
        onProblem({
          line: firstLine + index,
          seen: `build var ${name} is not defined through either --build-arg (--build-arg-file) or 'arguments' section`,
          expected: `--build-arg ${name}=VALUE, or ${name}=VALUE in %arguments`,
        }),
    }),
  );
  const last = filled.at(-1) === "" ? filled.length - 1 : filled.length;
  const lines = filled
    .slice(0, last)
    .flatMap((one, index) =>
      one.split("\n").map((part) => ({ text: part.replace(/\r$/, ""), line: firstLine + index })),
    );
  return { text: filled.join("\n"), lines };
}

/** A stage copies from stages in front of it, whose names are their own. */
function checkReferences(
  stage: Stage,
  earlier: readonly Stage[],
  onProblem: (problem: DefinitionProblem) => void,
): void {
  const names = earlier.flatMap(({ name }) => (name === undefined ? [] : [name]));
  for (const { from, line } of stage.files) {
    if (from === undefined || names.includes(from)) continue;
    const known = names.length === 0 ? "no stage in front of this one has a name" : names.map(quoted).join(" or ");
    onProblem({ line, seen: `stage ${quoted(from)} was not found`, expected: `an earlier stage: ${known}` });
  }
  const own = stage.header.get("stage");
  if (stage.name !== undefined && own !== undefined && names.includes(stage.name)) {
    onProblem({ line: own.line, seen: `a second stage ${quoted(stage.name)}`, expected: "a name of its own" });
  }
}
