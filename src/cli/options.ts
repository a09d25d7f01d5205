import { type Command, Option } from "commander";
import { UsageError } from "./exit.ts";
import type { Logger } from "./logger.ts";
import { settingName, settingsOf } from "./settings.ts";

/** One option of a command: its flags, and the environment keys that set it when no flag does. */
export interface OptionSpec {
  /** Commander's notation: `-F, --force`, `--arch <name>`. */
  readonly flags: string;
  readonly description: string;
  /** Keys without prefix, tried in order: `FORCE` is SIFON_FORCE, APPTAINER_FORCE, SINGULARITY_FORCE. */
  readonly env?: readonly string[];
  /** Also read without any prefix (`DOCKER_USERNAME`). */
  readonly plainEnv?: boolean;
  /** Another spelling that means the same and is not shown. */
  readonly alias?: string;
  readonly hidden?: boolean;
  /** May be given more than once; see `OptionValues.texts`. */
  readonly repeatable?: boolean;
}

/** A value, and who gave it. */
export interface FoundValue {
  readonly value: string | boolean;
  /** `flag`, the environment variable's name, or the configuration file's path. */
  readonly origin: string;
}

/** Sifon's own prefix first, then those of the tools it stands in for. */
export const PREFIXES = ["SIFON_", "APPTAINER_", "SINGULARITY_"] as const;

/** Declares the options on a command. */
export function declareOptions(command: Command, specs: readonly OptionSpec[]): void {
  for (const spec of specs) {
    const option = plainOption(spec.flags, spec.description);
    if (spec.repeatable === true) option.argParser(collect);
    command.addOption(spec.hidden === true ? option.hideHelp() : option);
    if (spec.alias !== undefined) command.addOption(plainOption(spec.alias).hideHelp());
  }
}

/** Commander reads `--no-home` as "home is false"; here it is an option of its own, beside `--home`. */
function plainOption(flags: string, description?: string): Option {
  const option = new Option(flags, description);
  option.negate = false;
  option.attributeName = () => attributeName(flags);
  return option;
}

function collect(value: string, former: readonly string[] | undefined): string[] {
  return [...(former ?? []), value];
}

/** The values of a command's options after flags, environment and configuration file were looked at. */
export class OptionValues {
  readonly #command: Command;
  readonly #specs: ReadonlyMap<string, OptionSpec>;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #log: Logger;
  readonly #found = new Map<string, FoundValue | undefined>();

  constructor(command: Command, specs: readonly OptionSpec[], environment: NodeJS.ProcessEnv, log: Logger) {
    this.#command = command;
    this.#specs = new Map(specs.map((spec) => [attributeName(spec.flags), spec]));
    this.#environment = environment;
    this.#log = log;
  }

  /** A yes-or-no option; the environment's value is one of Go's ParseBool spellings. */
  flag(name: string): boolean {
    const found = this.#find(name);
    if (found === undefined) return false;
    if (typeof found.value === "boolean") return found.value;
    const parsed = parseBool(found.value);
    if (parsed === undefined) {
      throw new UsageError(
        this.#command.name(),
        `invalid value "${found.value}" of ${found.origin}: expected true or false`,
      );
    }
    return parsed;
  }

  /** A text option; undefined when it is given nowhere. */
  text(name: string): string | undefined {
    const found = this.#find(name);
    return found === undefined ? undefined : String(found.value);
  }

  /** A repeatable option, in the order given, and the environment's value behind; a file's where there is neither. */
  texts(name: string): readonly string[] {
    const spec = this.#specs.get(name);
    const given = (spec === undefined ? [] : (this.#given(spec.flags) ?? [])) as readonly string[];
    for (const key of given.length === 0 ? [] : (spec?.env ?? [])) {
      const found = lookUp(key, this.#environment, this.#log);
      if (found !== undefined) return [...given, found.value];
    }
    const text = given.length === 0 ? this.text(name) : undefined;
    return text === undefined ? given : [text];
  }

  /** Where an option's value comes from; undefined when it is given nowhere. */
  find(name: string): FoundValue | undefined {
    return this.#find(name);
  }

  #given(flags: string): string | boolean | undefined {
    const name = attributeName(flags);
    if (this.#command.getOptionValueSource(name) !== "cli") return undefined;
    return this.#command.getOptionValue(name) as string | boolean;
  }

  /** Looks once: what is said of a variable is said once. */
  #find(name: string): FoundValue | undefined {
    if (!this.#found.has(name)) this.#found.set(name, this.#lookFor(name));
    return this.#found.get(name);
  }

  #lookFor(name: string): FoundValue | undefined {
    const spec = this.#specs.get(name);
    if (spec === undefined) throw new TypeError(`command ${this.#command.name()} has no option ${name}`);
    const value = this.#given(spec.flags) ?? (spec.alias === undefined ? undefined : this.#given(spec.alias));
    if (value !== undefined) return { value, origin: "flag" };
    for (const key of spec.env ?? []) {
      const found = lookUp(key, this.#environment, this.#log);
      if (found !== undefined) return found;
      const plain = spec.plainEnv === true ? nonBlank(this.#environment[key]) : undefined;
      if (plain !== undefined) return { value: plain, origin: key };
    }
    const settings = settingsOf(this.#command);
    const set = settings?.values.get(settingName(spec));
    return settings === undefined || set === undefined ? undefined : { value: set, origin: settings.path };
  }
}

/** `--no-https` and `--docker-login` as commander names their values: `noHttps`, `dockerLogin`. */
export function attributeName(flags: string): string {
  const long = /--([a-z][a-z0-9-]*)/.exec(flags)?.[1];
  if (long === undefined) throw new TypeError(`option ${flags} has no long form`);
  return long.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function lookUp(
  key: string,
  environment: NodeJS.ProcessEnv,
  log: Logger,
): { value: string; origin: string } | undefined {
  const [own, apptainer, singularity] = PREFIXES.map((prefix) => nonBlank(environment[prefix + key]));
  if (own !== undefined) return { value: own, origin: `SIFON_${key}` };
  if (apptainer !== undefined) {
    if (singularity !== undefined && singularity !== apptainer) {
      log.warning(`SINGULARITY_${key} and APPTAINER_${key} have different values, using the latter`);
    }
    return { value: apptainer, origin: `APPTAINER_${key}` };
  }
  if (singularity === undefined) return undefined;
  log.info(`Environment variable SINGULARITY_${key} is set, but APPTAINER_${key} is preferred`);
  return { value: singularity, origin: `SINGULARITY_${key}` };
}

function nonBlank(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === "" ? undefined : value;
}

/** Go's strconv.ParseBool. */
export function parseBool(text: string): boolean | undefined {
  if (["1", "t", "T", "TRUE", "true", "True"].includes(text)) return true;
  if (["0", "f", "F", "FALSE", "false", "False"].includes(text)) return false;
  return undefined;
}
