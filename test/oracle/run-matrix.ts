import type { ImageName } from "./run-images.ts";

/** How a container is run; `OWN` in a word is a folder that each program has to itself, `SHARED` one for both. */
export interface Invocation {
  /** The action and its options. */
  readonly before: readonly string[];
  /** What stands behind the image. */
  readonly after?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly umask?: string;
  /** SIFs of both makers by turns unless said. */
  readonly form?: "sandbox" | "sqfs";
}

/** Images of which each is run in every way. */
export const MATRIX_IMAGES: readonly ImageName[] = [
  "environment",
  "entrypoint",
  "cmd",
  "both",
  "neither",
  "no shell",
  "set-uid files",
  "apps and sections",
  "definition's scripts",
  "no /tmp, no accounts",
];

const EVALUATED = [
  "$HOME",
  "`/probe/busybox id -u`",
  "${NOPE:-none}",
  "a  b",
  "*",
  "",
  "-n",
  "it's",
  "\\",
  "\\\\x",
  "é😀",
  "\t",
];
const LITERAL = [...EVALUATED, 'dq"x', "new\nline", '"', "$(", "`", "'", "--help"];
const HARD_HOST = {
  ...{
    FOO: "bar",
    LANG: "de_DE.UTF-8",
    TERM: "xterm",
    USER: "someone",
    LOGNAME: "someone",
    PLAIN: "host",
    EMPTY: "host",
  },
  ...{
    "bad.name": "1",
    LINES_OF: "a\nb",
    QUOTES: "'\"`$(id)\\",
    BLANK: "",
    PS1: "host> ",
    LD_LIBRARY_PATH: "/host/lib",
  },
  ...{
    GREETING: "host",
    SHELL: "/bin/zsh",
    OLDPWD: "/old",
    IFS: ":",
    OPTIND: "5",
    RANDOM: "7",
    EUID: "9",
    http_proxy: "proxy",
    HOSTNAME: "there",
  },
};
const FORCED = {
  ...{ APPTAINERENV_V: '$HOME ${GREETING:-no} "q" \\$x', SINGULARITYENV_OLD: "old", APPTAINERENV_E: "" },
  ...{ APPTAINERENV_HOME: "/x", SINGULARITYENV_V: "lost", APPTAINERENV_PLAIN: "forced", GREETING: "host" },
  ...{ APPTAINERENV_IFS: ":", APPTAINERENV_EUID: "5", APPTAINERENV_OPTIND: "9", APPTAINERENV_PWD: "/x" },
};

const probe = (before: string[], more: Partial<Invocation> = {}): Invocation => ({
  ...{ before: ["exec", ...before], after: ["/probe/probe"] },
  ...more,
});

/** What every image is run with: each option of the manual once, alone or with what it goes with. */
export const MATRIX: readonly Invocation[] = [
  { before: ["run"], after: [] },
  { before: ["run"], after: ["/probe/probe", ...EVALUATED] },
  { before: ["run", "--no-eval"], after: ["/probe/probe", ...LITERAL] },
  { before: ["run", "--app", "foo"], after: ["x", "y z"] },
  probe([], { after: ["/probe/probe", ...LITERAL], env: HARD_HOST }),
  probe(["--cleanenv"], { env: { ...HARD_HOST, APPTAINERENV_W: "w", APPTAINERENV_LANG: "xx" } }),
  probe(["--env", "A=b,C=d e", "--env", 'PLAIN=given,"Q=with ""quotes"", and comma"', "--env", "HOME=/x"]),
  probe(["--env-file", "SHARED/variables", "--env", "SECOND=of the option"]),
  probe([], { env: FORCED }),
  probe(["--no-eval"], { env: FORCED }),
  probe([], {
    env: {
      APPTAINERENV_PREPEND_PATH: "/pre",
      APPTAINERENV_APPEND_PATH: "/post",
      APPTAINERENV_LD_LIBRARY_PATH: "/mine",
    },
  }),
  probe(["--contain"]),
  probe(["--containall"], { env: HARD_HOST }),
  probe(["--compat"], { env: HARD_HOST, umask: "077" }),
  probe(["-B", "SHARED/data:/mnt/new/x,SHARED/data/file:/etc/hosts", "--bind", "SHARED/data:/opt:ro"]),
  probe(["--mount", "type=bind,source=SHARED/data,destination=/mnt/m,ro"], {
    env: { APPTAINER_BIND: "SHARED/data/file:/mnt/of-variable" },
  }),
  probe(["--home", "SHARED/data:/home/x"]),
  probe(["--no-home", "--no-umask"], { umask: "027" }),
  probe(["--no-mount", "tmp,sys,bind-paths"], { cwd: "/srv/work" }),
  probe(["--pwd", "/opt"], { umask: "027" }),
  probe(["--writable-tmpfs"], { cwd: "/srv/work" }),
  probe(["--overlay", "OWN"]),
  probe(["--contain", "--workdir", "OWN", "--scratch", "/scratch/a,/opt/b"]),
  probe(["--fakeroot"]),
  probe(["--pid", "--ipc", "--hostname", "box"], { cwd: "/srv/work" }),
  probe(["--net", "--network", "none", "--uts"], { cwd: "/usr" }),
  { before: ["shell"], after: ["ignored"], stdin: "echo shell; . /probe/probe; exit 5\n" },
  { before: ["shell", "--shell", "/probe/sh"], after: [], stdin: "/probe/probe of the shell; kill -9 $$\n" },
  { before: ["test"], after: ["a word"] },
  { before: ["run-help"] },
  probe([], { after: ["nonexistent"] }),
  probe([], { after: ["/probe/sh", "-c", "exit 42"] }),
];
