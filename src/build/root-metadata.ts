import { displayBytes } from "../bytes/byte-string.ts";
import { parseLabels } from "../singularity-d/container-metadata.ts";
import { inspectMetadata } from "../singularity-d/inspect-metadata.ts";
import { listApps } from "../singularity-d/survey.ts";
import { textFiles } from "./collect-texts.ts";
import type { Root } from "./root.ts";
import { readText } from "./root-text.ts";

/** The SIF object `inspect-metadata.json` of a finished root: what its files say. */
export function rootMetadata(root: Root): string {
  const shown = new Map([...textFiles(root.tree)].map(([path, inode]) => [path, root.texts.get(inode)] as const));
  const contents = new Map([...shown].filter((one): one is [string, Uint8Array] => one[1] !== undefined));
  const json = Buffer.from(readText(root, ".singularity.d/labels.json") ?? Buffer.from("{}")).toString("latin1");
  const { labels } = parseLabels(json);
  const named = new Map([...labels].map(([key, value]) => [displayBytes(key), displayBytes(value)]));
  return inspectMetadata({ entries: [], labels: named }, contents, listApps(root.tree));
}
