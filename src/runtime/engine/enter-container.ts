import { type Host, TOOL_ENVIRONMENT } from "./host.ts";
import type { ProgramPlan } from "./plan.ts";
import { requireTool } from "./session-script.ts";

/** Where a program goes. */
export interface Entrance {
  readonly host: Host;
  /** The process that holds the container's namespaces. */
  readonly container: number;
  /** The process that holds the session's user namespace; undefined for root, who needs none. */
  readonly session: number | undefined;
  /** The container has a user namespace of its own below the session's, in which the caller shows as who it is. */
  readonly hasOwnIds: boolean;
  readonly program: ProgramPlan;
}

/** A program as it is to be started: all that enters becomes the program, and no process waits in between. */
export interface EnteringProgram {
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** A shell does wait: the program is its child. */
  readonly isBelowShell: boolean;
}

/**
 * The shell that waits for a program in a PID namespace, as only children are born into one. Signals that it catches
 * are at their default again in the program; those that it would ignore were ignored there, too. How the program
 * ended, it tells by its exit code alone.
 *
 * The program's variables come in variables of the shell's: its command line stands in the list of processes for as
 * long as the program runs, where every user could read them. env(1) sets them, as a shell drops names that it could
 * not have itself; its own command line is gone when it becomes nsenter.
 */
function waitingShell(
  enter: readonly string[],
  program: Readonly<Record<string, string>>,
): Omit<EnteringProgram, "isBelowShell"> {
  const pairs = Object.entries(program).map(([name, value], index) => [`E${index}`, `${name}=${value}`] as const);
  const names = pairs.map(([name]) => name);
  const script = `trap : HUP INT QUIT TERM USR1 USR2 ALRM
exec 3>&2 2>/dev/null
(set -- /usr/bin/env -i -- ${names.map((name) => `"$${name}"`).join(" ")} "$@"; unset ${names.join(" ")}
exec "$@" 2>&3 3>&-)
exit $?`;
  return {
    argv: ["/bin/sh", "-c", script, "sh", ...enter],
    environment: { ...TOOL_ENVIRONMENT, ...Object.fromEntries(pairs) },
  };
}

/** The command line by which a program enters a container and becomes what it is. @throws EngineError TOOL_MISSING */
export function enterContainer(entrance: Entrance): EnteringProgram {
  const { host, container, session, hasOwnIds, program } = entrance;
  const nsenter = requireTool(host, "nsenter", "it enters namespaces");
  const as = session === undefined ? [] : ["--preserve-credentials"];
  const { namespaces, cwd, command } = program;
  const enter = [
    ...[nsenter, "--target", String(container), "--mount", ...as],
    ...(hasOwnIds ? ["--user"] : []),
    ...(["ipc", "net", "uts"] as const).filter((name) => namespaces[name]).map((name) => `--${name}`),
    // Opened before the namespaces are entered: `--wdns` is younger (util-linux 2.38) than many hosts.
    ...[`--wd=/proc/${container}/root${cwd}`, "--", ...command],
  ];
  const first = [
    // What the host's set-uid programs could give, nothing in a container may take.
    ...(host.tools.setpriv === undefined ? [] : [host.tools.setpriv, "--no-new-privs", "--"]),
    // The session's privileges open what lies on its own file systems.
    ...(session === undefined ? [] : [nsenter, "--target", String(session), "--user", ...as, "--"]),
  ];
  if (namespaces.pid !== true)
    return { argv: [...first, ...enter], environment: program.environment, isBelowShell: false };
  const shell = waitingShell(enter, program.environment);
  return {
    argv: [...first, nsenter, "--target", String(container), "--pid", "--no-fork", "--", ...shell.argv],
    environment: shell.environment,
    isBelowShell: true,
  };
}
