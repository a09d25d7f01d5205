import { SingularityDError } from "./errors.ts";
import { type GoValue, goJson } from "./go-json.ts";

/** The members of an image config's `config` that a SIF keeps, in the order that Apptainer writes them. */
const MEMBERS = {
  AttachStderr: "boolean",
  AttachStdin: "boolean",
  AttachStdout: "boolean",
  Cmd: "strings",
  Healthcheck: "healthcheck",
  Domainname: "string",
  Entrypoint: "strings",
  Env: "strings",
  Hostname: "string",
  Image: "string",
  Labels: "stringMap",
  OnBuild: "strings",
  OpenStdin: "boolean",
  StdinOnce: "boolean",
  Tty: "boolean",
  User: "string",
  Volumes: "set",
  WorkingDir: "string",
  ExposedPorts: "set",
  ArgsEscaped: "boolean",
  NetworkDisabled: "boolean",
  MacAddress: "string",
  StopSignal: "string",
  Shell: "strings",
} as const;

const HEALTHCHECK_MEMBERS = {
  Test: "strings",
  Interval: "integer",
  Timeout: "integer",
  StartPeriod: "integer",
  Retries: "integer",
} as const;

type Shape = (typeof MEMBERS)[keyof typeof MEMBERS] | "integer";

/** What of the config shapes the container, and all of it as text. */
export interface ContainerConfig {
  /** `NAME=value` elements, in order; [] when absent. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly labels: ReadonlyMap<string, string>;
  /** The SIF object `oci-config.json`: compact JSON of the known members that are not empty. */
  readonly ociConfigJson: string;
}

/**
 * Reads the `config` member of an image config with the rules of Go's decoder, which Apptainer uses: names
 * match in any case, a later member replaces an earlier one, null clears. Unknown members are dropped.
 * @throws SingularityDError CONFIG_FIELD_INVALID for a member of a wrong type
 */
export function readContainerConfig(config: Readonly<Record<string, unknown>>): ContainerConfig {
  const members = decodeMembers(config, MEMBERS, "config");
  const strings = (name: keyof typeof MEMBERS): readonly string[] => (members.get(name) ?? []) as readonly string[];
  return {
    env: strings("Env"),
    entrypoint: strings("Entrypoint"),
    cmd: strings("Cmd"),
    labels: (members.get("Labels") ?? new Map()) as ReadonlyMap<string, string>,
    ociConfigJson: goJson(Object.fromEntries(members)),
  };
}

/** The members that are neither null nor Go's empty value, in the table's order. */
function decodeMembers(
  source: Readonly<Record<string, unknown>>,
  table: Readonly<Record<string, Shape>>,
  where: string,
): Map<string, GoValue> {
  const nameOf = new Map(Object.keys(table).map((name) => [name.toLowerCase(), name]));
  const found = new Map<string, unknown>();
  for (const [key, value] of Object.entries(source)) {
    const name = nameOf.get(key.toLowerCase());
    if (name === undefined) continue;
    if (value === null) {
      // In Go null resets lists, maps and pointers, and leaves other members as they are.
      const shape = table[name];
      if (shape !== "boolean" && shape !== "string" && shape !== "integer") found.delete(name);
    } else {
      found.set(name, value);
    }
  }
  const members = new Map<string, GoValue>();
  for (const [name, shape] of Object.entries(table)) {
    if (!found.has(name)) continue;
    const value = decode(found.get(name), shape, `${where}.${name}`);
    if (value !== undefined) members.set(name, value);
  }
  return members;
}

/** The value in Go's terms; undefined for what `omitempty` leaves out. */
function decode(value: unknown, shape: Shape, field: string): GoValue | undefined {
  switch (shape) {
    case "boolean":
      if (typeof value !== "boolean") throw invalid(field, value, "a boolean");
      return value || undefined;
    case "string":
      if (typeof value !== "string") throw invalid(field, value, "a string");
      return value || undefined;
    case "integer":
      if (!Number.isInteger(value)) throw invalid(field, value, "a whole number");
      return (value as number) || undefined;
    case "strings": {
      // Deviates: Apptainer refuses a bare string, which Docker reads as a list of one.
      const list = typeof value === "string" ? [value] : value;
      if (!Array.isArray(list)) throw invalid(field, value, "a list of strings");
      return list.length === 0 ? undefined : list.map((item: unknown, i) => stringOrNull(item, `${field}[${i}]`));
    }
    case "stringMap": {
      const members = Object.entries(objectOf(value, field));
      if (members.length === 0) return undefined;
      return new Map(members.map(([key, item]) => [key, stringOrNull(item, `${field}[${JSON.stringify(key)}]`)]));
    }
    case "set": {
      // Go knows only the keys (map[string]struct{}).
      const keys = Object.keys(objectOf(value, field));
      return keys.length === 0 ? undefined : new Map(keys.map((key) => [key, {}]));
    }
    case "healthcheck":
      return Object.fromEntries(decodeMembers(objectOf(value, field), HEALTHCHECK_MEMBERS, field));
  }
}

/** Go reads null as an empty string inside lists and maps. */
function stringOrNull(value: unknown, field: string): string {
  if (value === null) return "";
  if (typeof value !== "string") throw invalid(field, value, "a string");
  return value;
}

function objectOf(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(field, value, "an object");
  return value as Readonly<Record<string, unknown>>;
}

function invalid(field: string, value: unknown, expected: string): SingularityDError {
  const seen = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  return new SingularityDError("CONFIG_FIELD_INVALID", { field, seen, expected });
}
