import { contentsView, inspectMetadata } from "../singularity-d/inspect-metadata.ts";
import { listApps } from "../singularity-d/survey.ts";
import { textFiles } from "./collect-texts.ts";
import type { Root } from "./root.ts";

/** The SIF object `inspect-metadata.json` of a finished root: what its files say. */
export function rootMetadata(root: Root): Promise<string> {
  const shown = new Map([...textFiles(root.tree)].map(([path, inode]) => [path, root.texts.get(inode)] as const));
  const contents = new Map([...shown].filter((one): one is [string, Uint8Array] => one[1] !== undefined));
  return inspectMetadata(contentsView(contents, listApps(root.tree)));
}
