import { escapeDoubleQuoted, escapeSingleQuoted } from "./shell-quote.ts";

/** What the image says to run. */
export interface ImageCommand {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** IncludeCmd of a definition: a non-empty CMD takes the place of ENTRYPOINT. */
  readonly preferCmd?: boolean;
}

/**
 * Runtimes look for this line, alone and to the byte: a runscript that has it is run by their built-in
 * interpreter, so that it works in images without a shell.
 */
const MARKER = `eval "set \${SINGULARITY_OCI_RUN}"`;

/** `/.singularity.d/runscript` of an image that has no %runscript: ENTRYPOINT, CMD and arguments as Docker joins them. */
export function imageRunscript({ entrypoint, cmd, preferCmd = false }: ImageCommand): string {
  const first = preferCmd && cmd.length > 0 ? [] : entrypoint;
  return `#!/bin/sh
OCI_ENTRYPOINT='${escapeSingleQuoted(joinDoubleQuoted(first))}'
OCI_CMD='${escapeSingleQuoted(joinDoubleQuoted(cmd))}'
${first.length + cmd.length === 0 ? DEFAULT_SHELL : ""}
# With --no-eval the words reach the program exactly as they are.
if [ -n "\${SINGULARITY_NO_EVAL:-}" ]; then
${pushWords(first, cmd)}    exec "$@"
fi

# Otherwise the arguments pass through the shell once, so that they may refer to the container's variables.
CMDLINE_ARGS=""
for arg in "$@"; do
    CMDLINE_ARGS="\${CMDLINE_ARGS} \\"\${arg}\\""
done

# Arguments take the place of CMD. The dashes keep a first word such as -c from being read as an option of set.
if [ $# -gt 0 ]; then
    SINGULARITY_OCI_RUN="-- \${OCI_ENTRYPOINT} \${CMDLINE_ARGS}"
else
    SINGULARITY_OCI_RUN="-- \${OCI_ENTRYPOINT} \${OCI_CMD}"
fi

${MARKER}
exec "$@"
`;
}

// Only in images with neither ENTRYPOINT nor CMD. Deviates: Apptainer prints all shell variables here, where the
// Singularity manual promises a shell. Looked up when it runs, since a definition may add or remove one.
const DEFAULT_SHELL = `
# The image names no program: without arguments, start a shell.
if [ $# -eq 0 ]; then
    if [ -x /bin/bash ]; then
        set -- /bin/bash
    elif [ -x /bin/sh ]; then
        set -- /bin/sh
    else
        echo "This image names no program to run and has no shell: give the program to run." >&2
        exit 1
    fi
fi
`;

/** Lines that put CMD (unless there are arguments) and ENTRYPOINT in front of the arguments. */
function pushWords(entrypoint: readonly string[], cmd: readonly string[]): string {
  let lines = "";
  if (cmd.length > 0) lines += `    if [ $# -eq 0 ]; then\n        set -- ${joinSingleQuoted(cmd)}\n    fi\n`;
  if (entrypoint.length > 0) lines += `    set -- ${joinSingleQuoted(entrypoint)} "$@"\n`;
  return lines;
}

const joinSingleQuoted = (words: readonly string[]): string =>
  words.map((word) => `'${escapeSingleQuoted(word)}'`).join(" ");

const joinDoubleQuoted = (words: readonly string[]): string =>
  words.map((word) => `"${escapeDoubleQuoted(word)}"`).join(" ");
