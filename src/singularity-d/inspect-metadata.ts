import { type ByteString, displayBytes } from "../bytes/byte-string.ts";
import { parseJson } from "../bytes/parse-json.ts";
import { trimEnd } from "../bytes/trim-end.ts";
import type { CapturedFiles } from "./captured-paths.ts";
import type { ContainerFiles } from "./container-files.ts";
import { type GoValue, goJson } from "./go-json.ts";

/**
 * The SIF object `inspect-metadata.json`: what `inspect --all` says, which asks this object before the
 * files. Files of the container are shown over captured ones of the image.
 * @param apps names below /scif/apps (`listApps`)
 */
export function inspectMetadata(
  files: Pick<ContainerFiles, "entries" | "labels">,
  captured: CapturedFiles,
  apps: readonly ByteString[],
): string {
  const contents = new Map(captured);
  for (const { path, content } of files.entries) contents.set(path, content);
  const at = (path: string): string | undefined => textOf(contents.get(path));

  const attributes: Record<string, GoValue> = {};
  const put = putter(attributes);
  put("apps", new Map(apps.map((app) => [displayBytes(app), appAttributes(contents, app)])));
  put("environment", environmentOf(contents, /^\.singularity\.d\/env\/(10-docker[^/]*\.sh|9[^/]*-environment\.sh)$/));
  put("labels", files.labels);
  put("runscript", at(".singularity.d/runscript"));
  put("test", at(".singularity.d/test"));
  put("helpfile", at(".singularity.d/runscript.help"));
  put("deffile", at(".singularity.d/Singularity"));
  put("startscript", at(".singularity.d/startscript"));
  return goJson({ data: { attributes }, type: "container" });
}

/** Adds members that are not empty, in the order of the calls. */
function putter(attributes: Record<string, GoValue>): (name: string, value: GoValue | undefined) => void {
  return (name, value) => {
    if (value !== undefined && value !== "" && !(value instanceof Map && value.size === 0)) attributes[name] = value;
  };
}

function appAttributes(contents: CapturedFiles, app: ByteString): GoValue {
  const folder = `scif/apps/${app}/scif`;
  const attributes: Record<string, GoValue> = {};
  const put = putter(attributes);
  const inFolder = new Map([...contents].filter(([path]) => path.startsWith(`${folder}/env/`)));
  put("environment", environmentOf(inFolder, /\/env\/9[^/]*-environment\.sh$/));
  put("labels", labelsOf(contents.get(`${folder}/labels.json`)));
  put("runscript", textOf(contents.get(`${folder}/runscript`)));
  put("startscript", textOf(contents.get(`${folder}/startscript`)));
  put("test", textOf(contents.get(`${folder}/test`)));
  put("helpfile", textOf(contents.get(`${folder}/runscript.help`)));
  return attributes;
}

function environmentOf(contents: CapturedFiles, pattern: RegExp): Map<string, string> {
  const found = new Map<string, string>();
  for (const [path, content] of contents) {
    if (pattern.test(path)) found.set(`/${displayBytes(path)}`, textOf(content) ?? "");
  }
  return found;
}

/** Labels of an app, read as Go reads them: none where the file is no JSON object, "" for what is no text. */
function labelsOf(content: Uint8Array | undefined): Map<string, string> {
  try {
    const parsed: unknown = parseJson(Buffer.from(content ?? []).toString("utf8"));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return new Map();
    return new Map(Object.entries(parsed).map(([key, value]) => [key, typeof value === "string" ? value : ""]));
  } catch {
    return new Map();
  }
}

/** As a shell's `$(cat file)`: no newlines at the end. */
function textOf(content: Uint8Array | undefined): string | undefined {
  return content === undefined ? undefined : trimEnd(displayBytes(Buffer.from(content).toString("latin1")), "\n");
}
