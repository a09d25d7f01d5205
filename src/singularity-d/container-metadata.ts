import { type ByteString, toByteString } from "../bytes/byte-string.ts";
import { parseJson } from "../bytes/parse-json.ts";

/** What `inspect` tells of a container or of one of its apps. Texts are byte strings, without newlines at the end. */
export interface SectionTexts {
  /** Contents of environment scripts, by absolute path. */
  readonly environment: ReadonlyMap<ByteString, ByteString>;
  readonly labels: ReadonlyMap<ByteString, ByteString>;
  readonly runscript?: ByteString | undefined;
  readonly startscript?: ByteString | undefined;
  readonly test?: ByteString | undefined;
  readonly helpfile?: ByteString | undefined;
}

/** A container's own texts, and those of its apps by name. */
export interface ContainerMetadata extends SectionTexts {
  readonly deffile?: ByteString | undefined;
  readonly apps: ReadonlyMap<ByteString, SectionTexts>;
}

/** What is in neither map nor member. */
export const NO_SECTIONS: SectionTexts = { environment: new Map(), labels: new Map() };

/** Sections that a container and its apps have alike. */
export const SECTIONS = ["environment", "labels", "runscript", "startscript", "test", "helpfile"] as const;
/** A part of a container's metadata that `inspect` shows. */
export type Section = (typeof SECTIONS)[number];

/**
 * Reads the SIF object `inspect-metadata.json`. Unknown members are read past.
 * @throws TypeError where a member is of another type; SyntaxError where it is no JSON
 */
export function parseMetadata(bytes: Uint8Array): ContainerMetadata {
  const document: unknown = parseJson(Buffer.from(bytes).toString("utf8"));
  const attributes = record(record(record(document, "the document")["data"], "data")["attributes"], "attributes");
  const apps = Object.entries(record(attributes["apps"], "apps"));
  return {
    ...parseSections(attributes),
    deffile: text(attributes["deffile"], "deffile"),
    apps: new Map(apps.map(([name, app]) => [toByteString(name), parseSections(record(app, `apps.${name}`))])),
  };
}

function parseSections(members: Readonly<Record<string, unknown>>): SectionTexts {
  return {
    environment: texts(members["environment"], "environment"),
    labels: texts(members["labels"], "labels"),
    runscript: text(members["runscript"], "runscript"),
    startscript: text(members["startscript"], "startscript"),
    test: text(members["test"], "test"),
    helpfile: text(members["helpfile"], "helpfile"),
  };
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object" || Array.isArray(value)) throw new TypeError(`${what} is not an object`);
  return value as Readonly<Record<string, unknown>>;
}

function text(value: unknown, what: string): ByteString | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") throw new TypeError(`${what} is not a text`);
  return toByteString(value);
}

function texts(value: unknown, what: string): Map<ByteString, ByteString> {
  const members = Object.entries(record(value, what));
  return new Map(members.map(([key, member]) => [toByteString(key), text(member, `${what}.${key}`) ?? ""]));
}
