import { type ByteString, toByteString } from "../../bytes/byte-string.ts";
import type { App, AppScriptName, DefinitionFile, Stage } from "../../deffile/definition.ts";
import { InodeKind } from "../../fstree/inodes.ts";
import { labelsJson } from "../../singularity-d/labels.ts";
import { makeDirectories } from "../../singularity-d/make-directories.ts";
import { copyTransfers } from "../files/files-step.ts";
import type { RootStep } from "../root.ts";
import { type TextFile, writeText } from "../root-text.ts";

/** Makes the SCIF apps of a stage: their folders, scripts and files, and what tells the container of them. */
export function appsStep(
  stage: Stage,
  { definition, environment }: { readonly definition: DefinitionFile; readonly environment: NodeJS.ProcessEnv },
): RootStep {
  return async (root, target, facts) => {
    if (stage.apps.length === 0) return;
    const { timeSec: mtimeSec } = facts;
    const directory = { kind: InodeKind.directory, mode: 0o755, uid: 0, gid: 0, mtimeSec };
    for (const app of stage.apps) {
      for (const path of directoriesOf(app)) makeDirectories(root.tree, path, directory);
      for (const file of filesOf(app)) await writeText(root, file, { contents: target.contents, mtimeSec });
      const into = (destination: string) => `/${folderOf(app)}/${destination}`;
      await copyTransfers(app.files, { definition, environment, into })(root, target, facts);
    }
    const text = stage.apps.map(globalExports).join("");
    const file = { path: ".singularity.d/env/94-appsbase.sh", mode: 0o755, text };
    await writeText(root, file, { contents: target.contents, mtimeSec });
  };
}

const folderOf = ({ name }: App): string => `scif/apps/${name}`;

function directoriesOf(app: App): ByteString[] {
  const folder = folderOf(app);
  const folders = [`${folder}/bin`, `${folder}/lib`, `${folder}/scif/env`];
  return [...folders, `scif/data/${app.name}/input`, `scif/data/${app.name}/output`].map(toByteString);
}

const EXECUTABLE = 0o755;
const PLAIN = 0o644;

function filesOf(app: App): TextFile[] {
  const at = (name: string): ByteString => toByteString(`${folderOf(app)}/scif/${name}`);
  const files: TextFile[] = [
    { path: at("env/01-base.sh"), mode: EXECUTABLE, text: baseEnvironment(app) },
    { path: at("labels.json"), mode: PLAIN, text: labelsJson(labelsOf(app)) },
  ];
  const put = (section: AppScriptName, name: string, mode: number, text: (body: string) => string) => {
    const script = app.scripts[section];
    if (script !== undefined && script.text !== "") files.push({ path: at(name), mode, text: text(script.text) });
  };
  const script = (body: string) => `#!/bin/sh\n\n${body}\n`;
  put("env", "env/90-environment.sh", EXECUTABLE, (body) => body);
  put("help", "runscript.help", PLAIN, (body) => body);
  put("run", "runscript", EXECUTABLE, script);
  put("start", "startscript", EXECUTABLE, script);
  put("test", "test", EXECUTABLE, script);
  return files;
}

function labelsOf(app: App): Map<string, string> {
  const labels = new Map([["SCIF_APP_NAME", app.name]]);
  for (const { key, value } of app.labels) labels.set(key, value);
  return labels;
}

/** What a program of the app finds in its environment. */
function baseEnvironment({ name }: App): string {
  const root = `/scif/apps/${name}`;
  const data = `/scif/data/${name}`;
  return `#!/bin/sh

SCIF_APPNAME=${name}
SCIF_APPROOT="${root}"
SCIF_APPMETA="${root}/scif"
SCIF_DATA="/scif/data"
SCIF_APPDATA="${data}"
SCIF_APPINPUT="${data}/input"
SCIF_APPOUTPUT="${data}/output"
export SCIF_APPDATA SCIF_APPNAME SCIF_APPROOT SCIF_APPMETA SCIF_APPINPUT SCIF_APPOUTPUT SCIF_DATA
`;
}

/**
 * What every program of the container finds of an app, under names that a shell can hold.
 * Deviates: Apptainer changes the name in the paths, too, which then lead nowhere. Shown by test/oracle/definition.test.ts.
 */
function globalExports(app: App): string {
  const { name, scripts } = app;
  const id = name.replace(/[^a-zA-Z0-9]/g, "_");
  const root = `/scif/apps/${name}`;
  const optional = [
    [scripts.env, `SCIF_APPENV_${id}`, "env/90-environment.sh"],
    [scripts, `SCIF_APPLABELS_${id}`, "labels.json"],
    [scripts.run, `SCIF_APPRUN_${id}`, "runscript"],
    [scripts.start, `SCIF_APPSTART_${id}`, "startscript"],
  ] as const;
  return `## App Global Exports For: ${id}

SCIF_APPDATA_${id}=/scif/data/${name}
SCIF_APPMETA_${id}=${root}/scif
SCIF_APPROOT_${id}=${root}
SCIF_APPBIN_${id}=${root}/bin
SCIF_APPLIB_${id}=${root}/lib

export SCIF_APPDATA_${id} SCIF_APPMETA_${id} SCIF_APPROOT_${id} SCIF_APPBIN_${id} SCIF_APPLIB_${id}
${optional
  .filter(([section]) => section !== undefined)
  .map(([, variable, file]) => `export ${variable}="${root}/scif/${file}"\n`)
  .join("")}`;
}
