import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { openContainerFiles } from "../../src/container-files.ts";
import { hostEnvironment } from "../../src/runtime/environment/host-environment.ts";
import { prepareProgram } from "../../src/runtime/prepare-program.ts";
import { findApptainer, runApptainer } from "../support/apptainer.ts";
import { folder, type Made, make, ready, rootOf } from "./busybox-image.ts";
import { HARD_ENV } from "./run-images.ts";

const BASE = { PATH: process.env.PATH ?? "", HOME: "/root" };
/** What a wrapper around Apptainer, or its shell, may add to the environment that it sees. */
const FOREIGN = /^(LAB(_.*)?|OLDPWD|SHLVL|_|DEBIAN_FRONTEND|DOCKER_HOST|SIFON_LAB|TMPDIR|PWD)$/;

const USER_SCRIPT = `#!/bin/sh
export FROM_SCRIPT="\${PLAIN}-\${HOST_ONLY:-unseen}"
SHELL_ONLY=1
if [ -n "$QUOTE" ] && [ -x /bin/busybox ] && ! test -e /nope; then export SEEN=yes; else export SEEN=no; fi
case "$PATH" in /opt/x:*) export CASE=first;; *) export CASE=other;; esac
for part in a "b c" $PLAIN; do LIST="\${LIST:+$LIST,}$part"; done
export LIST CUT="\${PATH%%:*}" HOST_EMPTIED= NEVER
ONE=é; export LENGTH="\${#ONE}" TAIL="\${ONE#?}"
case "$ONE" in ?) export CHARACTER=one;; *) export CHARACTER=more;; esac
`;

const HOSTS: readonly (readonly [
  string,
  Readonly<Record<string, string>>,
  { cleanEnv?: boolean; noEval?: boolean },
])[] = [
  ["nothing", {}, {}],
  [
    "variables that the image has, too",
    { PLAIN: "host", EMPTY: "host", HOST_ONLY: "h", HOST_EMPTIED: "x", NEVER: "n", SHELL_ONLY: "h" },
    {},
  ],
  [
    "values that are hard to pass on",
    { LINES: "a\nb", BS: "a\\nb\\", Q: `'"\`$(id)`, GLOB: "*", BLANK: "", SPACES: "  x  " },
    {},
  ],
  ["names that no shell has", { "bad.name": "1", "1x": "2", "BASH_FUNC_f%%": "() {  :\n}" }, {}],
  [
    "forced ones",
    {
      APPTAINERENV_PLAIN: "forced",
      SINGULARITYENV_OLD: "old",
      APPTAINERENV_E: "",
      APPTAINERENV_HOME: "/x",
      SINGULARITYENV_PLAIN: "lost",
    },
    {},
  ],
  [
    "forced paths",
    { APPTAINERENV_PREPEND_PATH: "/pre", APPTAINERENV_APPEND_PATH: "/post", APPTAINERENV_LD_LIBRARY_PATH: "/mine" },
    {},
  ],
  ["a forced PATH", { APPTAINERENV_PATH: "/only:/bin", APPTAINERENV_PREPEND_PATH: "/pre" }, {}],
  ["values that are evaluated", { APPTAINERENV_V: '$HOME ${PLAIN:-no} "q" \\$x \\\\ ${NOPE-d} it\'s' }, {}],
  ["values that are not evaluated", { APPTAINERENV_V: "$HOME `id` \"q\" 's' \\$x \\\\ ${PLAIN}" }, { noEval: true }],
  [
    "--cleanenv",
    { TERM: "xterm", http_proxy: "p", FOO: "bar", LANG: "de", PLAIN: "h", APPTAINERENV_W: "w", LD_LIBRARY_PATH: "/h" },
    { cleanEnv: true },
  ],
  ["a forced LANG with --cleanenv", { APPTAINERENV_LANG: "xx" }, { cleanEnv: true }],
  ["a prompt", { PS1: "host> ", PROMPT_COMMAND: "date" }, {}],
];

/** The environment of a program, as `env -0` prints it. */
function variables(pairs: Iterable<readonly [string, string]>): Record<string, string> {
  return Object.fromEntries([...pairs].filter(([name]) => !FOREIGN.test(name)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe.skipIf(!ready)("the environment of a container", () => {
  let made: Made;
  beforeAll(async () => {
    const root = rootOf({ ".singularity.d/env/50-user.sh": { file: USER_SCRIPT, mode: 0o755 } });
    made = await make({ Env: HARD_ENV }, root, { withTheirs: true });
  });

  describe.each(["ours", "theirs"] as const)("of an image of %s", (maker) => {
    it.each(HOSTS)("is Apptainer's with %s", async (_what, env, { cleanEnv = false, noEval = false }) => {
      const image = join(folder, made[maker]);
      const options = [...(cleanEnv ? ["--cleanenv"] : []), ...(noEval ? ["--no-eval"] : [])];
      const program = findApptainer() as string;
      const theirs = runApptainer(program, ["exec", ...options, image, "/bin/env", "-0"], {
        cwd: folder,
        env: { ...BASE, ...env },
      });
      expect(theirs.status, theirs.stderr).toBe(0);
      const pairs = theirs.stdout.split("\0").filter(Boolean);
      const expected = pairs.map(
        (pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const,
      );

      const host = hostEnvironment({
        host: { ...BASE, ...env },
        home: "/root",
        image,
        action: "exec",
        cleanEnv,
        noEval,
      });
      const view = await openContainerFiles(image);
      const prepared = await prepareProgram(view, host, { action: "exec", args: ["/bin/env", "-0"], cwd: folder });
      await view.close();
      if (prepared.kind !== "program") throw new Error(`it is ${prepared.kind}`);
      expect(prepared.throughShell).toBe(false);
      expect(variables(prepared.environment)).toEqual(variables(expected));
      const words = prepared.messages.map(({ level, text }) => `${`${level.toUpperCase()}:`.padEnd(8)} ${text}`);
      expect(words.sort()).toEqual(
        theirs.stderr
          .split("\n")
          .filter((line) => /^(INFO|WARNING):/.test(line))
          .sort(),
      );
    });
  });
});

describe.skipIf(!ready)("the environment of a container whose scripts need its shell", () => {
  const script = `export OUT="$(/bin/env -i; printf '%s' 'a  b')" BACK=\`printf back\`
for i in 1 2 3; do SUM=$((SUM + i)); done
export SUM SEEN="\${TERM:-unseen}"
`;
  let made: Made;
  beforeAll(async () => {
    made = await make({ Env: HARD_ENV }, rootOf({ ".singularity.d/env/50-user.sh": { file: script, mode: 0o755 } }));
  });

  it.each([
    ["nothing", {}],
    ["variables of the host that shells set", { TERM: "xterm", SHELL: "/bin/zsh", HOSTNAME: "here", PS1: "> " }],
    ["forced values", { APPTAINERENV_V: '$SUM "q" \\\\', APPTAINERENV_PREPEND_PATH: "/pre" }],
  ])("is Apptainer's with %s", async (_what, env) => {
    const image = join(folder, made.ours);
    const theirs = runApptainer(findApptainer() as string, ["exec", image, "/bin/env", "-0"], {
      cwd: folder,
      env: { ...BASE, ...env },
    });
    expect(theirs.status, theirs.stderr).toBe(0);
    const host = hostEnvironment({ host: { ...BASE, ...env }, home: "/root", image, action: "exec" });
    const view = await openContainerFiles(image);
    const prepared = await prepareProgram(view, host, { action: "exec", args: ["/bin/env", "-0"], cwd: "/" });
    await view.close();
    if (prepared.kind !== "program") throw new Error(`it is ${prepared.kind}`);
    expect(prepared.throughShell).toBe(true);
    // Apptainer is only what starts the image's shell: env -i leaves nothing of its own environment.
    const given = [...prepared.environment].map(([name, value]) => `${name}=${value}`);
    const words = ["exec", image, "/bin/env", "-i", ...given, ...prepared.argv];
    const ours = runApptainer(findApptainer() as string, words, { cwd: folder, env: BASE });
    expect(ours.status, ours.stderr).toBe(0);
    const pairs = (text: string) =>
      text
        .split("\0")
        .filter(Boolean)
        .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)] as const);
    expect(variables(pairs(ours.stdout))).toEqual(variables(pairs(theirs.stdout)));
  });
});
