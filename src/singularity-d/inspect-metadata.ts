import type { ByteString } from "../bytes/byte-string.ts";
import type { CapturedFiles } from "./captured-paths.ts";
import type { ContainerFileView } from "./container-file-view.ts";
import { SECTIONS } from "./container-metadata.ts";
import { metadataJson } from "./metadata-text.ts";
import { readSections } from "./read-sections.ts";

/**
 * The SIF object `inspect-metadata.json`: what `inspect --all` says of these files, which asks this object before
 * them.
 * @throws what the view throws
 */
export async function inspectMetadata(files: ContainerFileView): Promise<string> {
  const sections = new Set(SECTIONS);
  const app = { name: "all", sections } as const;
  // Labels that cannot be read are none, as in Apptainer's build.
  const options = { sections, deffile: true, listApps: true, app, onWarning: () => {} };
  return rewritten(metadataJson(await readSections(files, options)));
}

/** Apptainer's build reads what inspect prints and writes it again: the mark for bytes that are not UTF-8 is no escape then. */
function rewritten(json: string): string {
  return json.replace(/\\(?:ufffd|.)/g, (pair) => (pair === "\\ufffd" ? "\ufffd" : pair));
}

/**
 * Files of a container that are in memory, as far as its metadata are made of them.
 * @param apps names below /scif/apps (`listApps`)
 */
export function contentsView(contents: CapturedFiles, apps: readonly ByteString[]): ContainerFileView {
  return {
    read: async (path) => contents.get(path),
    async list(path) {
      if (path === "scif/apps") return apps;
      if (apps.some((app) => path === `scif/apps/${app}`)) return ["scif"];
      return namesBelow(contents.keys(), path);
    },
  };
}

/** Names of what lies directly in a folder. */
export function namesBelow(paths: Iterable<ByteString>, folder: ByteString): ByteString[] {
  return [...paths]
    .filter((path) => path.startsWith(`${folder}/`))
    .map((path) => path.slice(folder.length + 1))
    .filter((name) => !name.includes("/"));
}
