import { homedir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { readWholeText, SifonError, systemReason } from "../runtime.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";
import type { OptionSpec } from "./options.ts";

/** What a configuration file says: a value per option, by the option's long name. */
export interface Settings {
  /** The file, whether it is there or not. */
  readonly path: string;
  readonly found: boolean;
  readonly values: ReadonlyMap<string, string | boolean>;
}

/** Options that a file may not hold: secrets, and what concerns one run only. */
const NEVER_IN_FILE: ReadonlySet<string> = new Set(["docker-password", "docker-login", "name"]);

const SETTINGS_KEY = "settings";

/** Remembers the file for the commands below `program`. */
export function attachSettings(program: Command, settings: Settings): void {
  program.setOptionValueWithSource(SETTINGS_KEY, settings, "config");
}

/** The file that was read for the program that this command belongs to. */
export function settingsOf(command: Command): Settings | undefined {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const settings = at.getOptionValue(SETTINGS_KEY) as Settings | undefined;
    if (settings !== undefined) return settings;
  }
  return undefined;
}

/** `no-https` out of `--no-https`, `force` out of `-F, --force`. */
export function settingName({ flags }: OptionSpec): string {
  return /--([a-z][a-z0-9-]*)/.exec(flags)?.[1] ?? flags;
}

/**
 * Reads the configuration file: the one that is named, by `-c` or SIFON_CONFIG_FILE, has to be there; else
 * `sifon/config.toml` of the user's folder for configurations. Keys are the long names of the given options.
 */
export async function readSettings(
  named: string | undefined,
  { environment, signal }: Pick<Context, "environment" | "signal">,
  options: readonly OptionSpec[],
): Promise<Settings> {
  const home = environment.HOME || homedir();
  const path = named ?? join(environment.XDG_CONFIG_HOME || join(home, ".config"), "sifon", "config.toml");
  let text: string;
  try {
    text = await readWholeText(path, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    const { code } = cause as NodeJS.ErrnoException;
    if (named === undefined && (code === "ENOENT" || code === "ENOTDIR")) {
      return { path, found: false, values: new Map() };
    }
    if (cause instanceof SifonError) throw new FatalError(cause.message, { cause });
    throw new FatalError(
      `Cannot read the configuration file "${path}": ${systemReason(cause)}. Make it readable, or name another`,
    );
  }
  return { path, found: true, values: await parseSettings(text, path, home, options) };
}

async function parseSettings(
  text: string,
  path: string,
  home: string,
  options: readonly OptionSpec[],
): Promise<ReadonlyMap<string, string | boolean>> {
  const fail = (problem: string): never => {
    throw new FatalError(`Cannot use the configuration file "${path}": ${problem}`);
  };
  let document: Record<string, unknown> = {};
  const { parse } = await import("smol-toml");
  try {
    document = parse(text);
  } catch (error) {
    // The parser's message quotes the line, which may be a password that somebody put there.
    fail(`line ${(error as { line?: number }).line ?? "?"} is not TOML`);
  }
  const known = new Map(options.map((spec) => [settingName(spec), spec]));
  const values = new Map<string, string | boolean>();
  for (const [name, value] of Object.entries(document)) {
    const spec = known.get(name);
    if (NEVER_IN_FILE.has(name)) {
      fail(`"${name}" does not belong there; log in with sifon registry login, or use the environment`);
    }
    if (spec === undefined) fail(`there is no option "${name}"; sifon config lists them all`);
    const isText = (spec as OptionSpec).flags.includes("<");
    if (!isText && typeof value !== "boolean") fail(`"${name}" is neither true nor false`);
    if (isText && !["string", "number", "bigint"].includes(typeof value)) fail(`"${name}" is not a text`);
    values.set(name, typeof value === "boolean" ? value : String(value).replace(/^~(?=\/)/, home));
  }
  return values;
}
