import { type ByteString, displayBytes } from "../bytes/byte-string.ts";
import { type ContainerMetadata, NO_SECTIONS, type SectionTexts } from "./container-metadata.ts";
import { type GoValue, goJson } from "./go-json.ts";

// The forms are those of `apptainer inspect` 1.4.5, which scripts parse.

export interface MetadataTextOptions {
  /** Print the names of apps first. */
  readonly listApps: boolean;
  /** Print this app's sections in place of the container's. */
  readonly app?: ByteString | undefined;
}

/** `apptainer inspect`: what is there of each section, one behind the other. */
export function metadataText(metadata: ContainerMetadata, { listApps, app }: MetadataTextOptions): ByteString {
  const sections = app === undefined ? metadata : (metadata.apps.get(app) ?? NO_SECTIONS);
  const lines = (texts: Iterable<ByteString | undefined>): ByteString =>
    [...texts].map((text) => (text === undefined || text === "" ? "" : `${text}\n`)).join("");
  const { runscript, startscript, test, helpfile } = sections;
  return [
    listApps ? lines([...metadata.apps.keys()].sort()) : "",
    lines([metadata.deffile, runscript, startscript, test, helpfile]),
    ...sorted(sections.environment).map(([path, content]) => `=== ${path} ===\n${content}\n\n`),
    ...sorted(sections.labels).map(([key, value]) => `${key}: ${value}\n`),
  ].join("");
}

/** The document of `apptainer inspect --json`, apps included where there are any; the SIF object has it without indent. */
export function metadataJson(metadata: ContainerMetadata, options: { readonly indent?: string } = {}): string {
  const attributes: Record<string, GoValue> = {};
  if (metadata.apps.size > 0) attributes["apps"] = mapValues(metadata.apps, appValue);
  Object.assign(attributes, maps(metadata));
  put(attributes, { runscript: metadata.runscript, test: metadata.test, helpfile: metadata.helpfile });
  put(attributes, { deffile: metadata.deffile, startscript: metadata.startscript });
  return goJson({ data: { attributes }, type: "container" }, options);
}

function appValue(app: SectionTexts): GoValue {
  const { runscript, startscript, test, helpfile } = app;
  const members = maps(app);
  put(members, { runscript, startscript, test, helpfile });
  return members;
}

function maps({ environment, labels }: SectionTexts): Record<string, GoValue> {
  const members: Record<string, GoValue> = {};
  if (environment.size > 0) members["environment"] = mapValues(environment, bytes);
  if (labels.size > 0) members["labels"] = mapValues(labels, bytes);
  return members;
}

function put(members: Record<string, GoValue>, texts: Readonly<Record<string, ByteString | undefined>>): void {
  for (const [name, text] of Object.entries(texts)) if (text !== undefined && text !== "") members[name] = bytes(text);
}

const bytes = (text: ByteString): Uint8Array => Buffer.from(text, "latin1");

function mapValues<T>(map: ReadonlyMap<ByteString, T>, value: (one: T) => GoValue): Map<string, GoValue> {
  return new Map([...map].map(([key, one]) => [displayBytes(key), value(one)]));
}

function sorted(map: ReadonlyMap<ByteString, ByteString>): [ByteString, ByteString][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
