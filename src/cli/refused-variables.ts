import { FatalError } from "./exit.ts";
import { PREFIXES, parseBool } from "./options.ts";
import { REFUSED_OPTIONS, refusalOf } from "./refused-options.ts";

/** Keys of Apptainer's variables that are not the option's name in capitals; none where it reads no variable. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  fusemount: ["FUSESPEC"],
  bind: ["BIND", "BINDPATH"],
  // What they name is only needed for containers that are encrypted, and those are refused by themselves.
  ...{ passphrase: [], "pem-path": [], encrypt: [] },
  // They change nothing in what is built.
  ...{ library: [], "no-cleanup": [] },
};
/** Options without a value: what is false in Go's spelling asks for nothing. */
const SWITCHES: ReadonlySet<string> = new Set([
  ...["allow-setuid", "keep-privs", "no-privs", "nv", "nvccli", "oom-kill-disable", "rocm", "sandbox", "sharens"],
  "writable-tmpfs",
]);
/** Numbers of which 0 or -1 means no limit. */
const LIMITS: ReadonlySet<string> = new Set(["blkio-weight", "cpu-shares", "memory-swap", "pids-limit"]);
/** Sifon's own variable for pull and build: the most memory to use. */
const OWN = "SIFON_MEMORY";

/** A variable that is set for an option that a command of Apptainer's has and Sifon's has not. */
export interface RefusedVariable {
  readonly name: string;
  readonly option: string;
  /** What is said of it. */
  readonly text: string;
}

/** The variables of a command's refused options that are set, in the order of the options. */
export function refusedVariables(command: string, environment: NodeJS.ProcessEnv): readonly RefusedVariable[] {
  return Object.keys(REFUSED_OPTIONS[command] ?? {}).flatMap((option) => {
    const keys = KEYS[option] ?? [option.toUpperCase().replaceAll("-", "_")];
    const names = PREFIXES.flatMap((prefix) => keys.map((key) => prefix + key));
    const name = names.find((one) => one !== OWN && asks(option, environment[one]?.trim() ?? ""));
    if (name === undefined) return [];
    return [{ name, option, text: `${name} is set, the variable of ${refusalOf(command, `--${option}`)}` }];
  });
}

/** Ends a command for which such a variable is set. @throws FatalError */
export function refuseVariables(command: string, environment: NodeJS.ProcessEnv): void {
  const [refused] = refusedVariables(command, environment);
  if (refused !== undefined) throw new FatalError(`${refused.text} (or unset ${refused.name})`);
}

/** Whether a variable's value asks for anything. */
function asks(option: string, value: string): boolean {
  if (value === "") return false;
  if (SWITCHES.has(option)) return parseBool(value) !== false;
  return !LIMITS.has(option) || !/^(0|-1)$/.test(value);
}
