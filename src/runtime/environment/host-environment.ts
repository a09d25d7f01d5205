import { VARIABLE_PREFIXES } from "../../bytes/environment.ts";
import type { RuntimeMessage } from "../message.ts";
import type { ShellOwner } from "../shell/own-variables.ts";
import {
  ALWAYS_PASSED,
  DEFAULT_PATH,
  FORCING_PREFIXES,
  NEVER_PASSED,
  PATH_VARIABLES,
  USER_PATH_ADDITIONS,
} from "./defaults.ts";

/** What the host's side of a container's environment is made of. */
export interface HostEnvironmentOptions {
  /** The caller's environment. */
  readonly host: Readonly<Record<string, string | undefined>>;
  /** `--cleanenv`, `--containall`, `--compat`. */
  readonly cleanEnv?: boolean;
  /** `--no-eval`, `--compat`. */
  readonly noEval?: boolean;
  /** The home directory inside. */
  readonly home: string;
  /** The image's absolute path. */
  readonly image: string;
  /** `exec`, `run`, `shell`, `test`. */
  readonly action: string;
  /** Where the user's binds go, in their order. */
  readonly binds?: readonly string[];
  /** `--app` */
  readonly app?: string | undefined;
  /** `--shell` */
  readonly shell?: string | undefined;
  /** Pairs of all `--env`; a later one wins. */
  readonly env?: readonly (readonly [name: string, value: string])[];
  /** Variables of all `--env-file`; a later file wins. */
  readonly envFile?: ReadonlyMap<string, string>;
  /** Who the program is in the container; the caller unless said. */
  readonly ids?: ShellOwner["ids"];
}

/** The environment before the image's scripts (`start`), and what is put over what they set (`forced`). */
export interface HostEnvironment {
  readonly start: ReadonlyMap<string, string>;
  readonly forced: ReadonlyMap<string, string>;
  readonly noEval: boolean;
  readonly ids: ShellOwner["ids"];
  readonly messages: readonly RuntimeMessage[];
}

/** The environment that a container starts with, by the rules of Apptainer 1.4.5; nothing of the image is known yet. */
export function hostEnvironment(options: HostEnvironmentOptions): HostEnvironment {
  const { cleanEnv = false, noEval = false, app = "", shell } = options;
  const messages: RuntimeMessage[] = [];
  const forced = forcedVariables(options, messages);
  const start = new Map<string, string>();
  if (cleanEnv && !forced.has("LANG")) start.set("LANG", "C");
  for (const [name, value] of Object.entries(options.host)) {
    if (value === undefined || [...VARIABLE_PREFIXES, ...FORCING_PREFIXES].some((prefix) => name.startsWith(prefix)))
      continue;
    const passes = ALWAYS_PASSED.has(name) || !(cleanEnv || NEVER_PASSED.has(name));
    if (passes && !forced.has(name)) start.set(name, value);
  }
  start.set("HOME", options.home);
  start.set("PATH", DEFAULT_PATH);
  if (!cleanEnv && options.host.PATH !== undefined)
    start.set("USER_PATH", `${options.host.PATH}:${USER_PATH_ADDITIONS}`);
  for (const prefix of ["APPTAINER_", "SINGULARITY_"]) {
    start.set(`${prefix}CONTAINER`, options.image);
    start.set(`${prefix}NAME`, options.image.slice(options.image.lastIndexOf("/") + 1));
    start.set(`${prefix}BIND`, (options.binds ?? []).join(","));
    if (noEval) start.set(`${prefix}NO_EVAL`, "1");
  }
  start.set("APPTAINER_APPNAME", app);
  if (app !== "") start.set("SINGULARITY_APPNAME", app);
  if (shell !== undefined) for (const prefix of ["APPTAINER_", "SINGULARITY_"]) start.set(`${prefix}SHELL`, shell);
  start.set("APPTAINER_COMMAND", options.action);
  const ids = options.ids ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return { start, forced, noEval, ids, messages };
}

function forcedVariables(options: HostEnvironmentOptions, messages: RuntimeMessage[]): Map<string, string> {
  const { host } = options;
  const env = new Map(options.env);
  for (const name of options.envFile?.keys() ?? []) {
    if (env.has(name)) warn(messages, `Ignored environment file variable ${name}: override from --env`);
  }
  tellPreference(host, messages);
  const forced = new Map<string, string>();
  const given = new Set<string>();
  // What --env and --env-file give stands where the strongest variable would, as Apptainer puts it there.
  for (const [name, value] of [...env, ...(options.envFile ?? [])]) {
    if (given.has(name)) continue;
    given.add(name);
    force(forced, name, value, `APPTAINERENV_${name}`, messages);
  }
  for (const prefix of FORCING_PREFIXES) {
    for (const [full, value] of Object.entries(host)) {
      if (value === undefined || !full.startsWith(prefix)) continue;
      const name = full.slice(prefix.length);
      if (!given.has(name)) force(forced, name, value, full, messages);
    }
  }
  return forced;
}

function force(
  forced: Map<string, string>,
  name: string,
  value: string,
  origin: string,
  messages: RuntimeMessage[],
): void {
  if (name === "") return;
  const target = PATH_VARIABLES.get(name) ?? name;
  if (target === name && NEVER_PASSED.get(name)?.settable === false) {
    warn(messages, `Overriding ${name} environment variable with ${origin} is not permitted`);
    return;
  }
  const known = forced.get(target);
  if (known === undefined) forced.set(target, value);
  else if (known !== value) {
    const text = `Skipping environment variable [${origin}=${value}], ${target} is already overridden with different value [${known}]`;
    warn(messages, text);
  }
}

/** Of the old names Apptainer says that the new ones are preferred, or that they win. */
function tellPreference(host: HostEnvironmentOptions["host"], messages: RuntimeMessage[]): void {
  for (const [full, value] of Object.entries(host)) {
    if (value === undefined || !full.startsWith("SINGULARITYENV_")) continue;
    const name = full.slice("SINGULARITYENV_".length);
    if (name === "" || host[`SIFONENV_${name}`] !== undefined) continue;
    const preferred = host[`APPTAINERENV_${name}`];
    if (preferred === undefined) {
      const text = `Environment variable ${full} is set, but APPTAINERENV_${name} is preferred`;
      messages.push({ level: "info", text });
    } else if (preferred !== value) {
      warn(messages, `${full} and APPTAINERENV_${name} have different values, using the latter`);
    }
  }
}

function warn(messages: RuntimeMessage[], text: string): void {
  messages.push({ level: "warning", text });
}
