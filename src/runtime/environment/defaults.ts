import { OWN_VARIABLES } from "../shell/own-variables.ts";

/** PATH of a container whose image says nothing of it, and what is appended to an image's (runtime of Apptainer 1.4.5). */
export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What Apptainer appends to the caller's PATH in USER_PATH. */
export const USER_PATH_ADDITIONS = "/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin:/usr/local/sbin";

/** Host variables that pass even with `--cleanenv`; proxies in both cases. */
export const ALWAYS_PASSED: ReadonlySet<string> = new Set(
  ["http_proxy", "https_proxy", "no_proxy", "all_proxy", "ftp_proxy"]
    .flatMap((name) => [name, name.toUpperCase()])
    .concat("TERM"),
);

/** Host variables that never pass, and whether the prefixed form may set them. */
export const NEVER_PASSED: ReadonlyMap<string, { readonly settable: boolean }> = new Map([
  ["HOME", { settable: false }],
  ["PATH", { settable: false }],
  ["APPTAINER_SHELL", { settable: false }],
  ["APPTAINER_APPNAME", { settable: false }],
  ["SINGULARITY_SHELL", { settable: false }],
  ["SINGULARITY_APPNAME", { settable: false }],
  ["LD_LIBRARY_PATH", { settable: true }],
  ...OWN_VARIABLES.map((name) => [name, { settable: true }] as const),
]);

/** Host variables that set one of the container, the strongest first. */
export const FORCING_PREFIXES = ["SIFONENV_", "APPTAINERENV_", "SINGULARITYENV_"] as const;

/** What the prefixed forms of PATH become: 99-runtimevars.sh takes them up. */
export const PATH_VARIABLES: ReadonlyMap<string, string> = new Map([
  ["PREPEND_PATH", "SING_USER_DEFINED_PREPEND_PATH"],
  ["APPEND_PATH", "SING_USER_DEFINED_APPEND_PATH"],
  ["PATH", "SING_USER_DEFINED_PATH"],
]);

export const LIBRARY_FOLDER = "/.singularity.d/libs";
