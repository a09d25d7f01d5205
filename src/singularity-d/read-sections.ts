import type { ByteString } from "../bytes/byte-string.ts";
import { trimEnd } from "../bytes/trim-end.ts";
import type { ContainerFileView } from "./container-file-view.ts";
import { type ContainerMetadata, SECTIONS, type Section, type SectionTexts } from "./container-metadata.ts";
import { parseLabels } from "./parse-labels.ts";

/** What of a container's files is wanted. */
export interface SectionRequest {
  /** Sections of the container itself. */
  readonly sections: ReadonlySet<Section>;
  readonly deffile: boolean;
  /** All apps, by name at least. */
  readonly listApps: boolean;
  /** Sections of one app, where it is there, or of all (`"all"`). */
  readonly app?: { readonly name: ByteString | "all"; readonly sections: ReadonlySet<Section> };
  /** Told of labels that cannot be read. */
  readonly onWarning: (message: string) => void;
}

const CONTAINER_ENV = /^(?:10-docker.*\.sh|9.*-environment\.sh)$/s;
const APP_ENV = /^9.*-environment\.sh$/s;

/** Reads from a container's own files what its SIF has in `inspect-metadata.json`. */
export async function readSections(view: ContainerFileView, request: SectionRequest): Promise<ContainerMetadata> {
  const { app, onWarning } = request;
  const read = (folder: ByteString, sections: ReadonlySet<Section>, env: RegExp) =>
    readFolder(view, folder, { sections, env, onWarning });
  const own = await read(".singularity.d", request.sections, CONTAINER_ENV);
  const apps = new Map<ByteString, SectionTexts>();
  for (const name of await appNames(view, request)) {
    const wanted = app !== undefined && (app.name === "all" || app.name === name) ? app.sections : new Set<Section>();
    apps.set(name, await read(`scif/apps/${name}/scif`, wanted, APP_ENV));
  }
  const deffile = request.deffile ? await readText(view, ".singularity.d/Singularity") : undefined;
  return { ...own, deffile, apps };
}

async function appNames(view: ContainerFileView, { listApps, app }: SectionRequest): Promise<ByteString[]> {
  if (!listApps && app === undefined) return [];
  const names: ByteString[] = [];
  for (const name of [...((await view.list("scif/apps")) ?? [])].sort()) {
    if (name.startsWith(".") || (!listApps && app?.name !== "all" && app?.name !== name)) continue;
    if ((await view.list(`scif/apps/${name}`))?.includes("scif") === true) names.push(name);
  }
  return names;
}

async function readFolder(
  view: ContainerFileView,
  folder: ByteString,
  {
    sections,
    env,
    onWarning,
  }: {
    readonly sections: ReadonlySet<Section>;
    readonly env: RegExp;
    readonly onWarning: (message: string) => void;
  },
): Promise<SectionTexts> {
  const environment = new Map<ByteString, ByteString>();
  if (sections.has("environment")) {
    for (const name of [...((await view.list(`${folder}/env`)) ?? [])].filter((one) => env.test(one)).sort()) {
      const content = await readText(view, `${folder}/env/${name}`);
      if (content !== undefined) environment.set(`/${folder}/env/${name}`, content);
    }
  }
  let labels: ReadonlyMap<ByteString, ByteString> = new Map();
  const labelText = sections.has("labels") ? await readText(view, `${folder}/labels.json`) : undefined;
  if (labelText !== undefined) {
    const parsed = parseLabels(labelText);
    labels = parsed.labels;
    if (parsed.problem !== undefined) onWarning(`Unable to parse labels: ${parsed.problem}`);
  }
  const texts: Partial<Record<Section, ByteString>> = {};
  for (const section of SECTIONS) {
    if (section === "environment" || section === "labels" || !sections.has(section)) continue;
    const content = await readText(view, `${folder}/${section === "helpfile" ? "runscript.help" : section}`);
    if (content !== undefined) texts[section] = content;
  }
  return { ...texts, environment, labels } as SectionTexts;
}

/** As a shell's `$(cat file)`: no zero bytes, no newlines at the end. */
async function readText(view: ContainerFileView, path: ByteString): Promise<ByteString | undefined> {
  const content = await view.read(path);
  return content === undefined
    ? undefined
    : trimEnd(Buffer.from(content).toString("latin1").replaceAll("\0", ""), "\n");
}
