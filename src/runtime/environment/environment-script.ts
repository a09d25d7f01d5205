import type { ContainerView } from "../../singularity-d/container-view.ts";
import { ENV_SCRIPTS } from "../../singularity-d/env-scripts.ts";
import { escapeSingleQuoted } from "../../singularity-d/shell-quote.ts";
import { scanQuoted } from "../shell/scan-word.ts";
import { NAME, ShellSyntaxError, ShellUnsupported } from "../shell/syntax.ts";
import { type TextView, textView } from "../text-view.ts";
import { ENV_FOLDER, environmentScripts, isVisible, OLD_ENVIRONMENT } from "./container-environment.ts";
import { DEFAULT_PATH, LIBRARY_FOLDER } from "./defaults.ts";
import type { HostEnvironment } from "./host-environment.ts";

/** A program for the container's own shell that sets the environment up and then becomes the command. */
export interface EnvironmentScript {
  /** To be started in the container, with the command's words behind it. */
  readonly argv: readonly [shell: string, ...string[]];
  /** The environment that it is started with. */
  readonly environment: ReadonlyMap<string, string>;
}

/** Those of bash that cannot be set. */
const READ_ONLY: ReadonlySet<string> = new Set(["UID", "EUID", "PPID", "BASHOPTS", "SHELLOPTS", "BASH_VERSINFO"]);
/** bash first: it knows `source`, arrays and all that Apptainer's interpreter knows; images are tested with that. */
const SHELLS = ["/bin/bash", "/usr/bin/bash", "/bin/sh"] as const;

const quote = (text: string): string => `'${escapeSingleQuoted(text)}'`;

/**
 * The same as `containerEnvironment`, done by the image's own shell where a script needs one. Undefined where the image
 * has none. A command that is not found ends with 255 and Apptainer's words.
 *
 * The environment differs from the other way's in what shells do not leave alone: dash and busybox drop variables whose
 * names are none of a shell's, bash sets `_`, and SHLVL to 0 where there is none.
 */
export async function environmentScript(
  view: ContainerView,
  host: HostEnvironment,
  cwd: string,
  /** What is started with the words that the script is given, which are all that the image's scripts see. */
  program: readonly string[] = [],
): Promise<EnvironmentScript | undefined> {
  const files = textView(view);
  const shell = await findShell(files);
  if (shell === undefined) return undefined;
  const lines = [
    PREAMBLE,
    ...idLines(host, shell),
    ...(await sourceLines(files, host, shell)),
    ...restoreLines(host),
    FINISH,
  ];
  if (program.length > 0) lines.push(`set -- ${program.map(quote).join(" ")} "$@"`);
  lines.push(START);
  const environment = new Map<string, string>([["PWD", cwd]]);
  for (const [name, value] of host.start) {
    if (isVisible(name) || !NAME.test(name)) environment.set(name, value);
  }
  // Without -p, bash would take functions out of the caller's environment, where image scripts would find them.
  const options = isBash(shell) ? ["-p", "-c"] : ["-c"];
  return { argv: [shell, ...options, lines.join("\n"), "sifon"], environment };
}

/** The shell that an image's scripts are run by; undefined where it has none. */
async function findShell(view: TextView): Promise<string | undefined> {
  for (const shell of SHELLS) if ((await view.look(shell))?.executable === true) return shell;
  return undefined;
}

function isBash(shell: string): boolean {
  return shell.endsWith("/bash");
}

// Shells give these values of their own where the environment has none (dash PS1, bash TERM and SHELL, all of them a
// PATH that is not exported): scripts have to see them unset, and the caller's have to find their place free.
// dash does not know `source`; busybox does, and refuses a function of that name where it reads it.
const PREAMBLE = `unset PATH SHLVL OLDPWD PS1 PS2 PS4 TERM SHELL HOSTNAME HOSTTYPE MACHTYPE OSTYPE OPTERR
command -v source >/dev/null 2>&1 || eval 'source() { . "$@"; }'
sifon_complete_path() {
for sifon_folder in ${DEFAULT_PATH.replaceAll(":", " ")}; do
case ":\${PATH:-}:" in *":$sifon_folder:"*) ;; *) PATH="\${PATH:+$PATH:}$sifon_folder" ;; esac
done
unset sifon_folder
export PATH
}`;

/** The numbers of the user, which Apptainer's interpreter has and most shells lack; bash has the first two. */
function idLines({ start, ids }: HostEnvironment, shell: string): string[] {
  const numbers = { ...(isBash(shell) ? {} : { UID: ids.uid, EUID: ids.uid }), GID: ids.gid };
  return Object.entries(numbers).flatMap(([name, number]) => (start.has(name) ? [] : [`${name}=${number}`]));
}

async function sourceLines(view: TextView, host: HostEnvironment, shell: string): Promise<string[]> {
  // A file that does not parse would end the shell: it is looked at first, told of and left out.
  const source = (path: string) => `if ${shell} -n ${quote(path)}; then . ${quote(path)}; fi`;
  const scripts = await environmentScripts(view);
  const lines: string[] = [];
  if (scripts === undefined) {
    if ((await view.look(OLD_ENVIRONMENT))?.kind === "file") lines.push(source(OLD_ENVIRONMENT), "sifon_complete_path");
    lines.push(...forceLines(host));
  }
  for (const path of scripts ?? []) {
    const name = path.slice(ENV_FOLDER.length + 1);
    if (name === "90-environment.sh") lines.push('[ -n "${PATH+x}" ] || sifon_complete_path');
    lines.push(source(path));
    if (name === "10-docker2singularity.sh" || name === "10-docker.sh") lines.push("sifon_complete_path");
    if (name === "99-base.sh") lines.push(...forceLines(host));
  }
  if (scripts?.includes(`${ENV_FOLDER}/99-runtimevars.sh`) !== true) lines.push(ENV_SCRIPTS["99-runtimevars.sh"] ?? "");
  return lines;
}

function forceLines(host: HostEnvironment): string[] {
  const lines = [`[ -n "\${PATH+x}" ] || export PATH=${DEFAULT_PATH}`];
  for (const [name, value] of host.forced) {
    if (!NAME.test(name) || READ_ONLY.has(name) || name === "GID") continue;
    const libraries = name === "LD_LIBRARY_PATH";
    if (libraries && value === "") continue;
    const text = host.noEval || !isEvaluable(value) ? quote(value) : `"${value.replaceAll('"', '\\"')}"`;
    lines.push(`export ${name}=${text}${libraries ? `:${LIBRARY_FOLDER}` : ""}`);
  }
  return lines;
}

function isEvaluable(value: string): boolean {
  try {
    scanQuoted(value.replaceAll('"', '\\"'));
    // A backslash that escapes nothing would escape the quote behind it.
    return !/(?<!\\)(?:\\\\)*\\$/.test(value);
  } catch (error) {
    if (error instanceof ShellSyntaxError) return false;
    // The shell may understand it.
    if (error instanceof ShellUnsupported) return true;
    throw error;
  }
}

function restoreLines(host: HostEnvironment): string[] {
  const lines: string[] = [];
  for (const [name, value] of host.start) {
    if (!NAME.test(name) || READ_ONLY.has(name)) continue;
    lines.push(
      `if [ -z "\${${name}+x}" ]; then export ${name}=${quote(value)}; elif [ -z "$${name}" ]; then unset ${name}; fi`,
    );
  }
  return lines;
}

const FINISH = `[ -n "\${PS1:-}" ] || PS1='Apptainer> '
export PS1
if [ -z "\${PROMPT_COMMAND:-}" ]; then
PROMPT_COMMAND="PS1=\\"\${PS1}\\"; unset PROMPT_COMMAND"
else
PROMPT_COMMAND="\${PROMPT_COMMAND}; PROMPT_COMMAND=\\"\\\${PROMPT_COMMAND%%; PROMPT_COMMAND=*}\\"; PS1=\\"\${PS1}\\""
fi
export PROMPT_COMMAND
export APPTAINER_ENVIRONMENT="\${APPTAINER_ENVIRONMENT:-${ENV_FOLDER}/91-environment.sh}"
export SINGULARITY_ENVIRONMENT="\${APPTAINER_ENVIRONMENT}"`;

// bash takes one off SHLVL when it becomes another program.
const START = `sifon_find() (
IFS=:
set -f
for folder in $PATH; do
if [ -f "\${folder:-.}/$1" ] && [ -x "\${folder:-.}/$1" ]; then exit 0; fi
done
exit 1
)
case $1 in
*/*)
if ! [ -e "$1" ]; then printf 'FATAL:   stat %s: no such file or directory\\n' "$1" >&2; exit 255; fi
if [ -d "$1" ]; then echo "FATAL:   is a directory" >&2; exit 255; fi
if ! [ -x "$1" ]; then echo "FATAL:   permission denied" >&2; exit 255; fi ;;
*) if ! sifon_find "$1"; then printf 'FATAL:   "%s": executable file not found in $PATH\\n' "$1" >&2; exit 255; fi ;;
esac
case \${BASH_VERSION:+\${SHLVL:-}} in
'' | *[!0-9]* | ???*) ;;
*) SHLVL=$((\${SHLVL#0} + 1)) ;;
esac
exec "$@"`;
