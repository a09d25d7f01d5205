import { randomInt } from "node:crypto";
import type { ShellState } from "./state.ts";

/** Whose shell it is, where that is known. */
export interface ShellOwner {
  readonly cwd: string;
  readonly ids: { readonly uid: number; readonly gid: number };
}

/** Variables that Apptainer's interpreter (mvdan.cc/sh) has of its own, whatever the environment says. */
export const OWN_VARIABLES = ["IFS", "OPTIND", "PPID", "RANDOM", "SRANDOM", "DIRSTACK"] as const;
/** Those that it starts anew with every script it is given: programs do not get what the environment had. */
export const RESTARTED_VARIABLES: ReadonlySet<string> = new Set(["IFS", "OPTIND", "PWD"]);
/** Numbers of the user: cannot be changed, unless the environment has such names. */
const ID_VARIABLES = ["UID", "EUID", "GID"] as const;

/** Sets the interpreter's own variables, which are not exported. What `${RANDOM}` gives is random once. */
export function setOwnVariables(state: ShellState, { cwd, ids }: ShellOwner): void {
  const values: Readonly<Record<(typeof OWN_VARIABLES)[number], string>> = {
    IFS: " \t\n",
    OPTIND: "1",
    PPID: String(process.ppid),
    RANDOM: String(randomInt(0x8000)),
    SRANDOM: String(randomInt(2 ** 32)),
    DIRSTACK: cwd,
  };
  for (const [name, value] of Object.entries(values)) state.set(name, value);
  for (const name of ID_VARIABLES) {
    if (state.get(name) !== undefined) continue;
    state.set(name, String(name === "GID" ? ids.gid : ids.uid));
    state.readOnly.add(name);
  }
}
