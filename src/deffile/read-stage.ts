import {
  APP_SCRIPT_NAMES,
  type App,
  type AppScriptName,
  type DefinitionLabel,
  type FileGroup,
  type FileTransfer,
  SCRIPT_NAMES,
  type Script,
  type ScriptName,
  type Stage,
} from "./definition.ts";
import { type DefinitionProblem, quoted } from "./errors.ts";
import { readFileLines } from "./file-lines.ts";
import { readLabelLines } from "./label-lines.ts";
import { readHeader } from "./read-header.ts";
import type { SourceLine } from "./source-lines.ts";
import { type RawSection, splitSections } from "./split-sections.ts";

type OnProblem = (problem: DefinitionProblem) => void;

const APP_SECTIONS = [...APP_SCRIPT_NAMES, "labels", "files"].map((name) => `app${name}`);
const SECTIONS: readonly string[] = [...SCRIPT_NAMES, "labels", "files", "arguments", ...APP_SECTIONS];

/** Reads a stage from its lines, build arguments put in. */
export function readStage(lines: readonly SourceLine[], index: number, onProblem: OnProblem): Stage {
  const parts = splitSections(lines);
  const header = readHeader(parts.header, onProblem);
  const scripts: Partial<Record<ScriptName, Script>> = {};
  const labels: DefinitionLabel[] = [];
  const files: FileGroup[] = [];
  const apps = new Map<string, AppParts>();
  for (const section of parts.sections) {
    const { name } = section;
    if (isScriptName(name)) {
      scripts[name] = joinScripts(scripts[name], section);
      checkShellOption(name, scripts[name], onProblem);
    } else if (name === "labels") labels.push(...readLabelLines(section.body));
    else if (name === "files") addFiles(files, section, onProblem);
    else if (APP_SECTIONS.includes(name)) addToApp(apps, section, onProblem);
    else if (name !== "arguments") {
      const sections = SECTIONS.map((one) => `%${one}`).join(", ");
      onProblem({
        line: section.line,
        seen: `invalid section(s) specified: ${quoted(name)}`,
        expected: `one of ${sections}; a line of a script must not begin with %`,
      });
    }
  }
  const name = header.get("stage")?.value;
  return { index, name: name === "" ? undefined : name, header, scripts, labels, files, apps: [...apps.values()] };
}

function isScriptName(name: string): name is ScriptName {
  return (SCRIPT_NAMES as readonly string[]).includes(name);
}

/** A section that comes twice is one: texts one behind the other, arguments of the last that has any. */
function joinScripts(former: Script | undefined, { line, rest, body }: RawSection): Script {
  const text = body.map((one) => `${one.text}\n`).join("");
  const own = withoutComment(rest);
  if (former === undefined) return { line, arguments: own, text };
  return { line: former.line, arguments: own === "" ? former.arguments : own, text: former.text + text };
}

function withoutComment(rest: string): string {
  return (rest.split("#", 1)[0] as string).trim();
}

/** Apptainer hands `-c` and all that follows to the shell as a command, so something has to follow. */
function checkShellOption(name: ScriptName, script: Script, onProblem: OnProblem): void {
  if (!["pre", "setup", "post"].includes(name) || script.arguments.split(/\s+/).at(-1) !== "-c") return;
  onProblem({
    line: script.line,
    seen: `bad ${name} section '-c' parameter: missing arguments`,
    expected: `a program behind it, such as %${name} -c /bin/bash`,
  });
}

function addFiles(groups: FileGroup[], section: RawSection, onProblem: OnProblem): void {
  const { rest, line, body } = section;
  const words = withoutComment(rest).split(/\s+/).filter(Boolean);
  // Deviates: Apptainer leaves out groups with other words, without a word.
  if (words.length > 0 && (words.length !== 2 || words[0]?.toLowerCase() !== "from")) {
    onProblem({ line, seen: `${quoted(rest)} behind %files`, expected: "nothing, or: from STAGE" });
    return;
  }
  const from = words[1];
  const transfers = readFileLines(body, onProblem);
  const same = groups.findIndex((group) => group.from === from);
  const former = groups[same];
  if (former === undefined) groups.push({ from, line, transfers });
  else groups[same] = { ...former, transfers: [...former.transfers, ...transfers] };
}

interface AppParts extends App {
  readonly scripts: Partial<Record<AppScriptName, Script>>;
  readonly labels: DefinitionLabel[];
  readonly files: FileTransfer[];
}

function addToApp(apps: Map<string, AppParts>, section: RawSection, onProblem: OnProblem): void {
  const { line, rest, body } = section;
  const [name = "", ...others] = withoutComment(rest).split(/\s+/);
  if (name === "" || others.length > 0) {
    onProblem({
      line,
      seen: `app section ${section.name}: could not be split into section name and app name`,
      expected: `%${section.name} and the name of one app`,
    });
    return;
  }
  if (name.includes("/") || name.startsWith(".")) {
    onProblem({
      line,
      seen: `${quoted(name)} as the name of an app`,
      expected: "a name without / and without . in front",
    });
    return;
  }
  const app = apps.get(name) ?? { name, line, scripts: {}, labels: [], files: [] };
  apps.set(name, app);
  const what = section.name.slice("app".length);
  if (what === "labels") app.labels.push(...readLabelLines(body));
  else if (what === "files") app.files.push(...readFileLines(body, onProblem));
  else {
    const script = what as AppScriptName;
    app.scripts[script] = joinScripts(app.scripts[script], { ...section, rest: "" });
  }
}
