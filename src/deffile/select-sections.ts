import { SCRIPT_NAMES, type ScriptName, type Stage } from "./definition.ts";
import { DeffileError, quoted } from "./errors.ts";

const NAMES: readonly string[] = ["all", "none", ...SCRIPT_NAMES, "files", "labels"];

/** The sections that are built; `--section`. */
export interface SectionChoice {
  /** Whether a section is built. */
  readonly has: (name: ScriptName | "files" | "labels") => boolean;
  /** Whether apps are built; all choices but `none` leave them in. */
  readonly apps: boolean;
}

/**
 * Reads the values of `--section`: names, several with commas between them; nothing means all.
 * @throws DeffileError SECTION_UNKNOWN
 */
export function chooseSections(values: readonly string[]): SectionChoice {
  const names = values.flatMap((value) => value.split(",")).map((name) => name.trim().toLowerCase());
  const refuse = (problem: string) => new DeffileError("SECTION_UNKNOWN", { problem });
  for (const name of names) {
    if (!NAMES.includes(name)) throw refuse(`${quoted(name)} is none of ${NAMES.join(", ")}`);
    if ((name === "all" || name === "none") && names.length > 1)
      throw refuse(`cannot have ${name} and any other option`);
  }
  const all = names.length === 0 || names[0] === "all";
  // Deviates: Apptainer runs %post whatever is chosen; here the choice is what its own help says it is.
  return { has: (name) => all || names.includes(name), apps: names[0] !== "none" };
}

/** The stage with what was chosen of it. */
export function selectSections(stage: Stage, { has, apps }: SectionChoice): Stage {
  const scripts = Object.fromEntries(Object.entries(stage.scripts).filter(([name]) => has(name as ScriptName)));
  return {
    ...stage,
    scripts,
    labels: has("labels") ? stage.labels : [],
    files: has("files") ? stage.files : [],
    apps: apps ? stage.apps : [],
  };
}
