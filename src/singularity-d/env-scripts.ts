// Sourced in the order of their names by the runtime, with almost nothing set; 10-docker2singularity.sh, which
// depends on the image, is in image-env-script.ts.

const BASE = `#!/bin/sh
# Reserved for the container's own defaults: nothing is set here.
`;

/** %environment of a definition is appended to this. */
const ENVIRONMENT = `#!/bin/sh
# The environment of the definition follows.
`;

const APPS = `#!/bin/sh
# Puts the app that was asked for in place: its variables, its programs, its libraries.
if [ -n "\${SINGULARITY_APPNAME:-}" ]; then
    export SINGULARITY_APPNAME
    if [ -d "/scif/apps/\${SINGULARITY_APPNAME}/" ]; then
        SCIF_APPS=/scif/apps
        SCIF_APPROOT="/scif/apps/\${SINGULARITY_APPNAME}"
        export SCIF_APPS SCIF_APPROOT
        PATH="/scif/apps/\${SINGULARITY_APPNAME}:/scif/apps/singularity\${PATH:+:\${PATH}}"
        if [ -d "\${SCIF_APPROOT}/bin" ]; then
            PATH="\${SCIF_APPROOT}/bin:\${PATH}"
        fi
        if [ -d "\${SCIF_APPROOT}/lib" ]; then
            LD_LIBRARY_PATH="\${SCIF_APPROOT}/lib\${LD_LIBRARY_PATH:+:\${LD_LIBRARY_PATH}}"
            export LD_LIBRARY_PATH
        fi
        if [ -f "\${SCIF_APPROOT}/scif/env/01-base.sh" ]; then
            . "\${SCIF_APPROOT}/scif/env/01-base.sh"
        fi
        if [ -f "\${SCIF_APPROOT}/scif/env/90-environment.sh" ]; then
            . "\${SCIF_APPROOT}/scif/env/90-environment.sh"
        fi
        export PATH
    else
        echo "Could not locate the container application: \${SINGULARITY_APPNAME}"
        exit 1
    fi
fi
`;

const LIBRARIES_AND_PROMPT = `#!/bin/sh
# Libraries that the runtime brings from the host are found last.
if [ -z "\${LD_LIBRARY_PATH:-}" ]; then
    LD_LIBRARY_PATH=/.singularity.d/libs
else
    LD_LIBRARY_PATH="\${LD_LIBRARY_PATH}:/.singularity.d/libs"
fi
if [ -z "\${PS1:-}" ]; then
    PS1="Apptainer> "
fi
export LD_LIBRARY_PATH PS1
`;

const RUNTIME_PATH = `#!/bin/sh
# What the user asked for PATH, on top of what the image says.
if [ -n "\${SING_USER_DEFINED_PREPEND_PATH:-}" ]; then
    PATH="\${SING_USER_DEFINED_PREPEND_PATH}:\${PATH}"
fi
if [ -n "\${SING_USER_DEFINED_APPEND_PATH:-}" ]; then
    PATH="\${PATH}:\${SING_USER_DEFINED_APPEND_PATH}"
fi
if [ -n "\${SING_USER_DEFINED_PATH:-}" ]; then
    PATH="\${SING_USER_DEFINED_PATH}"
fi
unset SING_USER_DEFINED_PREPEND_PATH SING_USER_DEFINED_APPEND_PATH SING_USER_DEFINED_PATH
export PATH
`;

/** The scripts of `/.singularity.d/env` that are the same in every image, by file name. */
export const ENV_SCRIPTS: Readonly<Record<string, string>> = {
  "01-base.sh": BASE,
  "90-environment.sh": ENVIRONMENT,
  // Without apps there is nothing to say, not even a shebang: Apptainer's file is empty, too.
  "94-appsbase.sh": "",
  "95-apps.sh": APPS,
  "99-base.sh": LIBRARIES_AND_PROMPT,
  "99-runtimevars.sh": RUNTIME_PATH,
};

/** `/.singularity.d/startscript` of an image without %startscript. */
export const START_SCRIPT = `#!/bin/sh
# Nothing is started in the background.
`;
