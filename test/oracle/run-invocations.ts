import { IMAGE_NAMES, type ImageName } from "./run-images.ts";

/** How a container is run; `OWN` in a word is a folder that each program has to itself, `SHARED` one for both. */
export interface Invocation {
  readonly image: ImageName;
  /** The action and its options. */
  readonly before: readonly string[];
  /** What stands behind the image. */
  readonly after?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly umask?: string;
  /** Not for an ordinary user: it depends on the account or needs root. */
  readonly rootOnly?: boolean;
}

const ENV = ["sh", "-c", "env -0 | sort -z"];
const sh = (text: string) => ["sh", "-c", text];
const at =
  (image: ImageName) =>
  (before: string[], after?: string[], more: Partial<Invocation> = {}) => ({
    ...{ image, before },
    ...(after === undefined ? {} : { after }),
    ...more,
  });
const on = at("environment");
const app = at("apps and sections");

// biome-ignore-start lint/suspicious/noTemplateCurlyInString: no templates, but what a shell would expand
const OF_ENVIRONMENT: readonly Invocation[] = [
  on(["run"], []),
  on(["exec"], ENV, { env: { PLAIN: "host", HOST_ONLY: "h", EMPTY: "e", LD_LIBRARY_PATH: "/h" } }),
  on(["exec", "--cleanenv"], ENV, { env: { TERM: "xterm", LANG: "de", FOO: "bar", PLAIN: "h" } }),
  on(["exec", "--env", "A=b,C=d e", "--env", "PLAIN=given"], ENV),
  on(["exec", "--env", "HOME=/x"], ENV),
  on(["exec", "--env-file", "SHARED/variables"], ENV),
  on(["exec"], ENV, { env: { APPTAINERENV_V: '$HOME ${PLAIN:-no} "q" \\$x', SINGULARITYENV_OLD: "o" } }),
  on(["exec", "--no-eval"], ENV, { env: { APPTAINERENV_V: "$HOME `id` \"q\" 's'" } }),
  on(["exec"], ENV, { env: { APPTAINERENV_PREPEND_PATH: "/pre", APPTAINERENV_APPEND_PATH: "/post" } }),
  on(["exec", "--containall"], ENV, { env: { FOO: "bar" } }),
];
// biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above

const OF_MOUNTS: readonly Invocation[] = [
  on(["exec", "-B", "SHARED/data:/mnt/new/x"], sh("cat /mnt/new/x/file; ls /mnt; echo $APPTAINER_BIND")),
  on(["exec", "-B", "SHARED/data:/mnt/a b:ro,SHARED/data/file:/opt/plain"], sh("touch '/mnt/a b/x' || cat /opt/plain")),
  on(["exec", "-B", "SHARED/data:/opt/link"], sh("ls /opt/target")),
  on(["exec", "--mount", "type=bind,source=SHARED/data,destination=/mnt/m,ro"], sh("cat /mnt/m/file; touch /mnt/m/x")),
  on(["exec"], sh("cat /mnt/e/file; echo $APPTAINER_BIND"), { env: { APPTAINER_BIND: "SHARED/data:/mnt/e" } }),
  on(["exec", "-B", "/nonexistent"], sh("echo ran")),
  on(["exec", "-B", "SHARED/data:/x:bad"], sh("echo ran")),
  // bubblewrap's /dev has /dev/full and /dev/core, too, and no option to leave them out.
  on(
    ["exec", "--contain"],
    sh("ls -A /tmp /var/tmp; ls /dev | grep -vx -e full -e core; pwd; touch /tmp/x ~/x && echo wrote"),
    { rootOnly: true },
  ),
  on(["exec", "--contain", "--workdir", "OWN"], sh("echo w >/tmp/w; cat /tmp/w; ls -A /var/tmp")),
  on(["exec", "--compat"], sh("touch /new && echo wrote; umask; pwd"), { rootOnly: true }),
  on(["exec", "--no-mount", "tmp,home"], sh("ls -A /tmp; ls -A /root")),
  on(["exec", "--writable-tmpfs"], sh("echo x >/opt/new && cat /opt/new; rm /opt/plain; ls /opt")),
  on(["exec"], sh("touch /opt/new; echo $?")),
  on(["exec", "--overlay", "OWN"], sh("echo new >/new; rm /opt/plain; cat /new; ls /opt"), { rootOnly: true }),
  on(["exec", "--overlay", "SHARED/overlay:ro"], sh("cat /kept; ls /opt; touch /new"), { rootOnly: true }),
  on(["exec", "--scratch", "/scratch/a"], sh("ls -A /scratch/a; touch /scratch/a/x && ls /scratch/a")),
  on(
    ["exec", "--home", "SHARED/data:/home/x"],
    sh("echo $HOME; ls ~; touch ~/file; tail -n 1 /etc/passwd | cut -d: -f6"),
  ),
  on(["exec", "--no-home"], sh("echo $HOME; pwd")),
  on(["exec"], sh("cat /etc/passwd /etc/group"), { rootOnly: true }),
  on(["exec"], sh("ls -a / /.singularity.d /.singularity.d/env")),
];

const OF_PROCESSES: readonly Invocation[] = [
  on(["exec", "--pwd", "/opt"], ["pwd"]),
  on(["exec", "--cwd", "/nonexistent"], ["pwd"]),
  // Not $0, which Apptainer makes absolute: bubblewrap starts a program by the name that it shows.
  on(["exec", "--pwd", "/opt"], ["./no-shebang", "a"]),
  on(["exec"], ["/opt/no-shebang", "a b"]),
  on(["exec", "--pid"], sh("test $$ -lt 20 && echo small; ls /proc | grep -c '^[0-9]' | grep -v '^..'  | wc -l")),
  on(["exec", "--hostname", "box"], ["hostname"]),
  on(["exec"], sh("umask; id -u; id -g"), { umask: "027", rootOnly: true }),
  on(["exec", "--no-umask"], sh("umask"), { umask: "077" }),
  on(["exec"], sh("exit 42")),
  on(["exec"], sh("kill -9 $$")),
  on(["exec"], sh("kill -TERM $$")),
  on(["exec"], ["nonexistent"]),
  on(["exec"], ["/nonexistent"]),
  on(["exec"], ["/etc/passwd"]),
  on(["exec"], ["/opt"]),
  on(["exec"], ["cat"], { stdin: "through\nstdin" }),
  on(["exec"], ["printf", "<%s>", "--help", "", "a  b", "$HOME", "*"]),
  on(["shell"], [], { stdin: "echo shell $0; pwd; exit 5\n" }),
  on(["shell"], ["ignored"], { stdin: "echo still\n" }),
  on(["shell", "--shell", "/bin/cat"], [], { stdin: "not a shell\n" }),
  on(["test"], []),
  on(["run-help"]),
  on(["run"], ["printf", "%s|", "$PLAIN", "a b"]),
  on(["run", "--no-eval"], ["printf", "%s|", "$PLAIN", 'a"b']),
  at("neither")(["run"], [], { stdin: 'echo "shell $0 $FOO"; exit 3\n' }),
  at("neither")(["shell"], [], { stdin: "exit 7\n" }),
  at("no shell")(["shell"], []),
  at("no shell")(["exec"], ["/printf", "%s", "a b"]),
  at("no shell")(["exec"], ["/bin/sh"]),
  at("set-uid files")(["exec"], sh("id -u; /opt/setuid id -u; /opt/setgid id -g"), { rootOnly: true }),
  at("no /tmp, no accounts")(["exec"], ["/bin/echo", "ran"]),
  app(["run"], []),
  app(["test"], ["with", "a word"]),
  app(["run-help"]),
  app(["run-help", "--app", "foo"]),
  app(["run", "--app", "foo"], ["x", "y z"]),
  app(["test", "--app", "foo"], []),
  app(["exec", "--app", "foo"], ENV),
  app(["run", "--app", "none"], []),
];

/** `run` of every image without and with words, and what is special in one of them. */
export const INVOCATIONS: readonly Invocation[] = [
  ...IMAGE_NAMES.flatMap((image) => [
    at(image)(["run"], []),
    at(image)(["run"], ["/bin/printf", "[%s]", "a  b", "-n", ""]),
    at(image)(["run", "--no-eval"], ["/printf", "[%s]", "$HOME"]),
  ]),
  ...OF_ENVIRONMENT,
  ...OF_MOUNTS,
  ...OF_PROCESSES,
];
