import { escapeSingleQuoted } from "../../singularity-d/shell-quote.ts";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/** The host's variables that a clean environment keeps. */
const KEPT = [
  "TERM",
  ...["http", "https", "no", "all", "ftp"].flatMap((name) => [`${name}_proxy`, `${name.toUpperCase()}_PROXY`]),
];
/** Where %post leaves exports for the container, and labels. */
export const POST_ENVIRONMENT = "/.singularity.d/env/91-environment.sh";
export const POST_LABELS = "/.build.labels";

/** What a script of the container is started with: `start` before the image's env scripts, `defaults` where they say nothing. */
export interface ScriptEnvironment {
  readonly start: Readonly<Record<string, string>>;
  readonly defaults: Readonly<Record<string, string>>;
}

/** The environment of %post: clean, as with `--cleanenv`, and where to leave variables and labels. */
export function postEnvironment(host: NodeJS.ProcessEnv, rootPath: string, aptConfig?: string): ScriptEnvironment {
  return {
    start: { ...startOf(rootPath, "exec"), APPTAINER_LABELS: POST_LABELS, SINGULARITY_LABELS: POST_LABELS },
    defaults: {
      LANG: "C",
      ...(aptConfig === undefined ? {} : { APT_CONFIG: aptConfig }),
      ...kept(host, (name) => KEPT.includes(name)),
    },
  };
}

/** The environment of %test: the caller's, as when the container is run. */
export function testEnvironment(host: NodeJS.ProcessEnv, rootPath: string): ScriptEnvironment {
  const own = /^(?:(?:APPTAINER|SINGULARITY|SIFON)(?:ENV)?_|(?:HOME|PATH|LD_LIBRARY_PATH|PWD|OLDPWD)$)/;
  return {
    start: startOf(rootPath, "test"),
    defaults: kept(host, (name) => /^[A-Za-z_]\w*$/.test(name) && !own.test(name)),
  };
}

function startOf(rootPath: string, command: string): Record<string, string> {
  const start: Record<string, string> = { HOME: "/root", PATH: DEFAULT_PATH };
  for (const prefix of ["APPTAINER", "SINGULARITY"]) {
    start[`${prefix}_ENVIRONMENT`] = POST_ENVIRONMENT;
    start[`${prefix}_CONTAINER`] = rootPath;
    start[`${prefix}_NAME`] = "rootfs";
    start[`${prefix}_BIND`] = "/etc/resolv.conf,/etc/hosts";
  }
  start.APPTAINER_COMMAND = command;
  start.APPTAINER_APPNAME = "";
  return start;
}

function kept(host: NodeJS.ProcessEnv, keeps: (name: string) => boolean): Record<string, string> {
  const pairs = Object.entries(host).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && keeps(pair[0]),
  );
  return Object.fromEntries(pairs);
}

/**
 * A shell's text that takes on what the image's env scripts say, then runs its arguments. As at run time: a
 * script that does not parse is passed over, and an image's PATH gets the default folders that it lacks.
 */
export function environmentShell({ defaults }: ScriptEnvironment): string {
  const lines = Object.entries(defaults).map(
    ([name, value]) => `[ -n "\${${name}+x}" ] || export ${name}='${escapeSingleQuoted(value)}'`,
  );
  return `for sifon_script in /.singularity.d/env/*.sh; do
  [ -f "$sifon_script" ] && /bin/sh -n "$sifon_script" || continue
  case $sifon_script in */90-environment.sh) export PATH="\${PATH:-${DEFAULT_PATH}}" ;; esac
  . "$sifon_script"
  case $sifon_script in */10-docker*.sh)
    for sifon_folder in ${DEFAULT_PATH.replaceAll(":", " ")}; do
      case ":$PATH:" in *":$sifon_folder:"*) ;; *) PATH=$PATH:$sifon_folder ;; esac
    done ;;
  esac
done
unset sifon_script sifon_folder
${lines.join("\n")}
exec "$@"
`;
}
