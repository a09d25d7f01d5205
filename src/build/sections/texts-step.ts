import { displayBytes } from "../../bytes/byte-string.ts";
import type { Script, ScriptName, Stage } from "../../deffile/definition.ts";
import { readLabelLines } from "../../deffile/label-lines.ts";
import { splitLines } from "../../deffile/source-lines.ts";
import { labelsJson } from "../../singularity-d/labels.ts";
import { parseLabels } from "../../singularity-d/parse-labels.ts";
import type { Root, RootStep } from "../root.ts";
import { readText, removeText, type TextFile, writeText } from "../root-text.ts";
import { scriptFile } from "../script-file.ts";

const HELP = ".singularity.d/runscript.help";
const LABELS = ".singularity.d/labels.json";
/** Where %post leaves labels: `$APPTAINER_LABELS`. */
const BUILD_LABELS = ".build.labels";
const ENVIRONMENT = ".singularity.d/env/90-environment.sh";

/** Labels that tell where the help is. */
const HELP_LABELS = ["org.label-schema.usage", "org.label-schema.usage.apptainer.runscript.help"] as const;

/**
 * Writes what a definition's sections say into its container, after %post, in Apptainer's order: help, labels,
 * environment, start script, run script, test.
 * @param options.force replaces a help and labels that are there
 */
export function textsStep(stage: Stage, { force }: { readonly force: boolean }): RootStep {
  const scripts = stage.scripts;
  return async (root, { contents, onProgress }, { timeSec }) => {
    const step = (message: string) => onProgress({ kind: "step", message });
    const warn = (message: string) => onProgress({ kind: "warning", message });
    const write = (file: TextFile) => writeText(root, file, { contents, mtimeSec: timeSec });
    const help = spoken(scripts, "help");
    if (help !== undefined) {
      step("Adding help info");
      if (readText(root, HELP) !== undefined && !force) {
        warn("Help message already exists and force option is false, not overwriting");
      } else {
        await write({ path: HELP, mode: 0o644, text: `${help.text}\n` });
      }
    }
    if (stage.labels.length > 0) step("Adding labels");
    const labels = labelsOf(root, stage, { force, hasHelp: help !== undefined, warn });
    if (labels !== undefined) await write({ path: LABELS, mode: 0o644, text: labelsJson(labels) });
    removeText(root, BUILD_LABELS);
    const environment = spoken(scripts, "environment");
    if (environment !== undefined) {
      step("Adding environment to container");
      const former = readText(root, ENVIRONMENT) ?? Buffer.from("#!/bin/sh\n");
      const text = Buffer.concat([former, Buffer.from(`\n${environment.text}\n`, "utf8")]);
      await write({ path: ENVIRONMENT, mode: 0o755, text });
    }
    for (const [name, path] of [
      ["startscript", ".singularity.d/startscript"],
      ["runscript", ".singularity.d/runscript"],
      ["test", ".singularity.d/test"],
    ] as const) {
      const script = spoken(scripts, name);
      if (script === undefined) continue;
      step(`Adding ${name === "test" ? "testscript" : name}`);
      await write({ path, mode: 0o755, text: scriptFile(script) });
    }
  };
}

/** A section that says something; an empty one writes nothing. */
function spoken(scripts: Stage["scripts"], name: ScriptName): Script | undefined {
  const script = scripts[name];
  return script === undefined || script.text === "" ? undefined : script;
}

/** The container's labels where something is added to them. */
function labelsOf(
  root: Root,
  stage: Stage,
  {
    force,
    hasHelp,
    warn,
  }: { readonly force: boolean; readonly hasHelp: boolean; readonly warn: (message: string) => void },
): Map<string, string> | undefined {
  const left = readText(root, BUILD_LABELS);
  if (stage.labels.length === 0 && !hasHelp && left === undefined) return undefined;
  const former = parseLabels(Buffer.from(readText(root, LABELS) ?? Buffer.from("{}")).toString("latin1"));
  const labels = new Map([...former.labels].map(([key, value]) => [displayBytes(key), displayBytes(value)]));
  if (hasHelp) for (const key of HELP_LABELS) labels.set(key, `/${HELP}`);
  // What %post left replaces what was there; %labels comes after it, and gives way to it but for --force.
  const lines = splitLines(displayBytes(Buffer.from(left ?? []).toString("latin1")));
  for (const { key, value } of readLabelLines(lines)) labels.set(key, value);
  // Within the section the last line of a key counts, whatever --force says of the ones that were there.
  for (const [key, value] of new Map(stage.labels.map((label) => [label.key, label.value]))) {
    if (labels.has(key) && !force) {
      warn(`Label: ${key} already exists and force option is false, not overwriting`);
    } else labels.set(key, value);
  }
  return labels;
}
