// Apptainer and SingularityCE run their own versions of these in a built-in interpreter; the files serve older
// runtimes, chroot and other container runtimes, so they need nothing but a POSIX shell.

const SOURCE_ENVIRONMENT = `for script in /.singularity.d/env/*.sh; do
    if [ -f "$script" ]; then
        . "$script"
    fi
done
`;

const EXEC = `#!/bin/sh
# Runs the given program in the container's environment.
${SOURCE_ENVIRONMENT}
exec "$@"
`;

const RUN = `#!/bin/sh
# Runs what the image, or the named app in it, was made to run.
${SOURCE_ENVIRONMENT}
if [ -n "\${SINGULARITY_APPNAME:-}" ]; then
    for runscript in "/scif/apps/\${SINGULARITY_APPNAME}/scif/runscript" /scif/apps/singularity/scif/runscript; do
        if [ -x "$runscript" ]; then
            exec "$runscript" "$@"
        fi
    done
    echo "No Apptainer runscript for contained app: \${SINGULARITY_APPNAME}"
    exit 1
fi

if [ -x /.singularity.d/runscript ]; then
    exec /.singularity.d/runscript "$@"
fi
echo "No Apptainer runscript found, executing /bin/sh"
exec /bin/sh "$@"
`;

const SHELL = `#!/bin/sh
# Starts an interactive shell: the one asked for, else bash, else sh.
${SOURCE_ENVIRONMENT}
if [ -n "\${SINGULARITY_SHELL:-}" ] && [ -x "$SINGULARITY_SHELL" ]; then
    exec "$SINGULARITY_SHELL" "$@"
fi
if [ -x /bin/bash ]; then
    SHELL=/bin/bash
    PS1="Apptainer \${APPTAINER_NAME:-}:\\\\w> "
    export SHELL PS1
    exec /bin/bash --norc "$@"
fi
if [ -x /bin/sh ]; then
    SHELL=/bin/sh
    export SHELL
    exec /bin/sh "$@"
fi
echo "ERROR: /bin/sh does not exist in container" >&2
exit 1
`;

const START = `#!/bin/sh
# Starts the services of an instance. The first process waits for this signal.
kill -CONT 1

${SOURCE_ENVIRONMENT}
if [ -x /.singularity.d/startscript ]; then
    exec /.singularity.d/startscript "$@"
fi
`;

const TEST = `#!/bin/sh
# Runs the test of the image, or of the named app in it.
${SOURCE_ENVIRONMENT}
if [ -n "\${SINGULARITY_APPNAME:-}" ]; then
    if [ -x "/scif/apps/\${SINGULARITY_APPNAME}/scif/test" ]; then
        exec "/scif/apps/\${SINGULARITY_APPNAME}/scif/test" "$@"
    fi
    echo "No tests for contained app: \${SINGULARITY_APPNAME}"
    exit 1
fi

if [ -x /.singularity.d/test ]; then
    exec /.singularity.d/test "$@"
fi
echo "No test found in container, executing /bin/sh -c true"
exec /bin/sh -c true
`;

/** The scripts of `/.singularity.d/actions`, by file name. */
export const ACTION_SCRIPTS: Readonly<Record<"exec" | "run" | "shell" | "start" | "test", string>> = {
  exec: EXEC,
  run: RUN,
  shell: SHELL,
  start: START,
  test: TEST,
};
