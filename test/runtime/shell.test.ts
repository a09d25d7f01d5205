import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { runScript } from "../../src/runtime/shell/execute.ts";
import { ShellState } from "../../src/runtime/shell/state.ts";
import { ShellSyntaxError, ShellUnsupported } from "../../src/runtime/shell/syntax.ts";
import { textView } from "../../src/runtime/text-view.ts";
import { memoryView } from "./views.ts";

// In a UTF-8 locale bash counts characters, as the interpreter of Apptainer and ours do in every locale; dash counts bytes.
const START = { HOME: "/home/me", GIVEN: "given value", EMPTY: "", PATH: "/usr/bin:/bin", LC_ALL: "C.UTF-8" };

async function interpret(script: string, files: Record<string, string> = {}, readOnly: readonly string[] = []) {
  const state = new ShellState({
    view: textView(memoryView(files)),
    scriptName: "sh",
    positional: ["one", "two words", ""],
    readOnly,
  });
  for (const [name, value] of Object.entries(START)) state.set(name, value, true);
  for (const name of readOnly) state.set(name, "1000");
  const end = await runScript(script, state, "/script");
  const said = (from: string) => state.output.map(({ stream, text }) => (stream === from ? text : "")).join("");
  return { end, stdout: said("stdout"), stderr: said("stderr"), environment: Object.fromEntries(state.environment()) };
}

/** Shells have their own words for what is wrong. */
const UNCOMPARED = { end: undefined, stderr: undefined };
const SHELLS = ["/bin/sh", "/bin/bash"].filter((shell) => existsSync(shell));
/** What shells export of themselves. */
const OWN = new Set(["PWD", "SHLVL", "_", "OLDPWD"]);
const folder = mkdtempSync(join(tmpdir(), "sifon-shell-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The environment that a real shell has after a script, and what it printed. */
function real(shell: string, script: string) {
  const path = join(folder, "script");
  // cat's own environment is what the script has exported.
  writeFileSync(path, `${script}\nprintf '\\000'\n/bin/cat /proc/self/environ\n`);
  const { stdout, status, stderr } = spawnSync(shell, [path, "one", "two words", ""], {
    env: START,
    encoding: "utf8",
    cwd: folder,
  });
  const [printed = "", ...pairs] = stdout.split("\0");
  if (pairs.length === 0) return { status, stderr };
  const all = pairs
    .filter(Boolean)
    .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
  const environment = Object.fromEntries(all.filter(([name]) => !OWN.has(name ?? ""))) as Record<string, string>;
  return { stdout: printed, environment };
}

describe("runScript()", () => {
  it.each([
    ["a value in quotes", `export A="x y" B='$HOME "q"' C=x\\ y`, { A: "x y", B: '$HOME "q"', C: "x y" }],
    [
      "defaults",
      'export A="${NOPE:-d}" B="${EMPTY:-d}" C="${EMPTY-d}" D="${GIVEN:+s}" E="${NOPE+s}"',
      { A: "d", B: "d", C: "", D: "s", E: "" },
    ],
    [
      "the form of images",
      `export V="\${V:-"a \\"b\\" \\$c \\\`d\\\` \\\\e 'f' }g{"}"`,
      { V: "a \"b\" $c `d` \\e 'f' }g{" },
    ],
    ["the form of Apptainer 1.4", 'export V="${V:-"back\\\\\\\\slash"}"', { V: "back\\\\slash" }],
    [
      "patterns",
      "P=/a/b.tar.gz; export A=${P##*/} B=${P#*/} C=${P%.*} D=${P%%.*} E=${#P}",
      { A: "b.tar.gz", B: "a/b.tar.gz", C: "/a/b.tar", D: "/a/b", E: "11" },
    ],
    ["assigned defaults", ': ${A:=one} "${B=two}"; export A B', { A: "one", B: "two" }],
    [
      "tests",
      'if [ -z "$NOPE" ] && test "$GIVEN" != x; then export A=1; elif true; then export A=2; else export A=3; fi',
      { A: "1" },
    ],
    ["case", 'case "$PATH" in /opt*) A=1;; *:/bin|x) A=2;; *) A=3;; esac; export A', { A: "2" }],
    ["loops", 'for f in a "b c" $GIVEN; do A="$A<$f>"; done; export A', { A: "<a><b c><given><value>" }],
    [
      "parameters",
      'export A="$#" B="$1-$2" C="$*"; shift; export D="$@"',
      { A: "3", B: "one-two words", C: "one two words ", D: "two words " },
    ],
    ["the words of $@", 'for f in "$@"; do A="$A<$f>"; done; export A', { A: "<one><two words><>" }],
    [
      "no words of $@",
      `set --; for f in "$@" $@ "" "a$@"; do A="$A<$f>"; done; set -- x "$@"; export A B="$#"; set -- "\\\n"; export C=$#`,
      { A: "<><a>", B: "1", C: "1" },
    ],
    ["functions", 'put() { export "$1=$2"; }; put A "b c"; put D', { A: "b c", D: "" }],
    ["unset and export of names", "X=1; export X Y; unset EMPTY; Y=2; Z=3", { X: "1", Y: "2" }],
    ["home", "export A=~/x B=~ C='~' D=a~", { A: "/home/me/x", B: "/home/me", C: "~", D: "a~" }],
    ["a loop with an end", "while [ ${#A} -lt 3 ]; do A=x$A; done; export A", { A: "xxx" }],
    [
      "negation and lists",
      "! false && export A=1; false || export B=2; true && false || export C=3",
      { A: "1", B: "2", C: "3" },
    ],
    ["comments and joined lines", "# no\nexport A=a#b \\\n  B=2 # C=3", { A: "a#b", B: "2" }],
    ["eval and set", `eval "export A='x y'"; set -- p "q r"; export B="$2$#"`, { A: "x y", B: "q r2" }],
    ["carriage returns in front of newlines", "export A=1\r\nexport B=2\r\n", { A: "1", B: "2" }],
  ])("understands %s", async (_what, script, expected) => {
    expect((await interpret(script)).environment).toMatchObject(expected);
  });

  it("looks at files, goes through them and sources them", async () => {
    const files = {
      "/d/b.sh": "export B=$1",
      "/d/a.sh": "export A=1; return; export A=2",
      "/d/.h.sh": "exit 1",
      "/d/x": "",
    };
    const script =
      'for f in /d/*.sh; do [ -f "$f" ] && . "$f"; done; [ -d /d ] && [ ! -e /e ] && export C=1; source /d/b.sh arg';
    expect((await interpret(script, files)).environment).toMatchObject({ A: "1", B: "arg", C: "1" });
  });

  it("tells how it ended, and what was printed", async () => {
    expect((await interpret("echo a  b; echo no >/dev/null; echo err >&2; exit 3")).end).toEqual({
      kind: "exit",
      status: 3,
    });
    expect((await interpret("echo a  b; echo no >/dev/null; echo err >&2")).stdout).toBe("a b\n");
    expect((await interpret('exec "$@" x')).end).toEqual({ kind: "exec", argv: ["one", "two words", "", "x"] });
  });

  it.each([
    ["export A=$(date)", 1, 'the command "date"'],
    ["\n\nexport A=`\ndate`", 4, 'the command "date"'],
    ["A=$(if)", 1, '"if <cond>" must be followed by "then"'],
    ["A=$(exec x)", 1, "exec or return in a subshell"],
    ["A=$((1/0))", 1, "a division by zero"],
    ["A=$((010))", 1, 'the number "010"'],
    ["A=$((0x10))", 1, 'the number "0x10"'],
    ["B=1+2; A=$((B*2))", 1, 'the number "1+2"'],
    ["A=$((1 << 64))", 1, "a shift by so much"],
    ["A=$((2 ** -1))", 1, "a negative exponent"],
    ["A=$((1 + ))", 1, undefined],
    [`A=$((${"(".repeat(300)}1${")".repeat(300)}))`, 1, "arithmetic as deep as that"],
    ["A=$$", 1, "the number of the shell's process ($$)"],
    ["ls | cat", 1, "a pipe (|)"],
    ["module load gcc", 1, 'the command "module"'],
    ["A=1 program", 1, "an assignment in front of a command"],
    ["A=(1 2)", 1, "an array or a pattern of bash"],
    ["A=${B@Q}", 1, "an expansion that POSIX does not have"],
    ["A=${GIVEN/#g/x}", 1, "a replacement that is tied to an end"],
    ["A=${GIVEN/g/&}", 1, "& in a replacement"],
    ["A=${GIVEN/*/x}", 1, "a pattern that matches nothing"],
    ["A=é; A=${A^^}", 1, "the case of letters beyond ASCII"],
    ["A=${GIVEN:0:-1}", 1, "a part in front of a text"],
    ["A=~root/x", 1, "the home directory of a user (~NAME)"],
    ["A=$'\\x41'", 1, "\\x in $'…'"],
    ["local A=1", 1, "local outside of a function"],
    ["declare -a A", 1, "declare of what is no text of the whole script"],
    ["f() { declare A=1; }; f", 1, "declare of what is no text of the whole script"],
    ["printf %q x", 1, "printf with %q"],
    ["printf %.2s xyz", 1, "printf with a precision"],
    ["printf %d 08", 1, "printf with what is no number"],
    ["printf -v A x", 1, "printf without a format"],
    ["[[ a =~ (a|b) ]]", 1, "=~ with parentheses"],
    ["[[ a =~ [[:alpha:]] ]]", 1, undefined],
    ["[[ /a -nt /b ]]", 1, "test with -nt"],
    ["for ((i=0;i<3;i++)); do :; done", 1, "a for without a name"],
    ["f() { A=$(f); }; f", 1, "more than 100 scripts or functions in each other"],
    ["cat <<END\nx\nEND", 1, "the redirection <<"],
    ["echo x > /file", 1, "the redirection >/file"],
    ["sleep 1 &", 1, "a command in the background (&)"],
    ["while true; do :; done", 1, "more than 100000 rounds of loops"],
    ["f() { f; }; f", 1, "more than 100 scripts or functions in each other"],
    ["echo 'a\\nb'", 1, "echo with escapes"],
    ["set -e", 1, "set -e"],
  ])("names what it does not understand: %j", async (script, line, what) => {
    const error = await interpret(script).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ShellUnsupported);
    expect(error).toMatchObject({ line, file: "/script", ...(what === undefined ? {} : { what }) });
  });

  // Each line was run by Apptainer 1.4.5 as well, with these values.
  it.each([
    ["arithmetic", 'A=$((6 * 7)) B=$((A + 1)) C="$((2 ** 10 % 7)) $(( (1 + 2) * 3 ))"', { A: "42", B: "43", C: "2 9" }],
    [
      "arithmetic that assigns",
      "X=1; A=$((X++)) B=$((Y = 4, Y += 2)) C=$((--X)) D=$X$Y E=$((NOPE))",
      { A: "1", B: "6", C: "1", D: "16", E: "0" },
    ],
    [
      "arithmetic that chooses",
      "A=$((5 > 3 ? 7 : 8)) B=$((0 && (X = 1))) C=$((1 || (X = 1))) D=${X-unset} E=$((!0 + ~1)) F=$((7 / -2)) G=$((-7 % 3))",
      { A: "7", B: "0", C: "1", D: "unset", E: "-1", F: "-3", G: "-1" },
    ],
    [
      "arithmetic of 64 bits",
      "A=$((9223372036854775807 + 0)) B=$((1 << 62)) C=$((5 & 3 | 8 ^ 1)) D=$(($# * ${#GIVEN} + $1 + 0)) E=$((-8 >> 1))",
      undefined,
    ],
    [
      "arithmetic commands",
      "((X = 3)) && A=$X; ((X - 3)) || B=no; let C=1+2 'D = C * 2'; ((0)) || E=$?",
      { A: "3", B: "no", C: "3", D: "6", E: "1" },
    ],
    [
      "the output of its own commands",
      'A=$(echo hi) B="$(echo "a  b"; echo; echo)" C=`printf "%s-" x "y z"`',
      { A: "hi", B: "a  b", C: "x-y z-" },
    ],
    [
      "what a subshell leaves alone",
      "A=1; (A=2; echo no >/dev/null); B=$(A=3; echo $A; exit 4); C=$?; D=$(false; echo $(echo in $A)); X=$(false) || E=$?",
      { A: "1", B: "3", C: "4", D: "in 1", E: "1" },
    ],
    ["backquotes in each other", 'A=`echo \\`echo in\\``; B="`echo \\"q\\"`"', { A: "in", B: "q" }],
    [
      "fields of an output",
      'set -- $(echo "a b  c"); A=$#; for x in $(echo p q); do B="$B<$x>"; done',
      { A: "3", B: "<p><q>" },
    ],
    ["defaults from outputs", "A=${NOPE:-$(echo def)} B=${NOPE:-$((1 + 1))}", { A: "def", B: "2" }],
    [
      "double tests",
      "[[ abc == a* && $NOPE = '' ]] && A=1; [[ abc == 'a*' ]] || B=1; [[ -n $GIVEN && ! -e /nope ]] && C=1; [[ ( a < b || x ) && b > a ]] && D=1; if [[ 3 -gt 2 ]]; then E=3; fi; [[ a != b ]] && F=1; [[ $GIVEN ]] && [[ -v GIVEN ]] && G=1",
      { A: "1", B: "1", C: "1", D: "1", E: "3", F: "1", G: "1" },
    ],
    [
      "double tests of expressions and many lines",
      "[[ abc =~ b ]] && A=1; [[ 12.5 =~ ^[0-9]+.[0-9]*$ ]] && B=1; [[ abc =~ ^b ]] || C=1\n[[ a == a &&\n  b == b ]] && D=1",
      { A: "1", B: "1", C: "1", D: "1" },
    ],
    [
      "declarations",
      "declare A=1; declare -x B='x y'; typeset C=3; readonly D=4; declare -rx F=6",
      { A: "1", B: "x y", C: "3", D: "4", F: "6" },
    ],
    [
      "local names",
      "A=1; f() { local A=2 N=3; g; }; g() { B=$A$N; }; f; C=$A${N-gone}",
      { A: "1", B: "23", C: "1gone" },
    ],
    ["what is put behind", "A=a; A+=b; A+='c d'; N+=x", { A: "abc d", N: "x" }],
    [
      "parts, replacements and cases",
      "X=abcabc; A=${X:1:2} B=${X: -2} C=${X:4} D=${X/b/z} E=${X//b/zz} F=${X//[ab]} G=${X^^} H=${X^} I=${GIVEN,,} J=${X:9}",
      {
        A: "bc",
        B: "bc",
        C: "bc",
        D: "azcabc",
        E: "azzcazzc",
        F: "cc",
        G: "ABCABC",
        H: "Abcabc",
        I: "given value",
        J: "",
      },
    ],
    ["a variable's variable", "X=GIVEN; A=${!X}", { A: "given value" }],
    ["quotes of C", "A=$'a\\tb\\'c' B=$\"x y\"", { A: "a\tb'c", B: "x y" }],
    [
      "printed texts",
      "A=$(printf '%s|%5d|%-4s|%05d|%%\\n' a 7 b -42) B=$(printf '%s,' 1 2 3) C=$(printf x)",
      { A: "a|    7|b   |-0042|%", B: "1,2,3,", C: "x" },
    ],
    [
      "redirected blocks and functions",
      "f() { echo out; echo err >&2; }; A=$({ f 2>&1; } 2>/dev/null); B=$(f 2>/dev/null); C=$({ f; } >/dev/null 2>&1)",
      { A: "out\nerr", B: "out", C: "" },
    ],
    ["the line", "A=$LINENO\nB=$LINENO", { A: "1", B: "2" }],
  ])("understands %s, as Apptainer's interpreter and bash do", async (_what, text, expected) => {
    const names = Array.from("ABCDEFGHIJN");
    const script = `${text}\nexport ${names.join(" ")}`;
    const { environment } = await interpret(script);
    if (expected !== undefined) expect(environment).toMatchObject(expected);
    if (!existsSync("/bin/bash")) return;
    const { environment: theirs } = real("/bin/bash", script);
    const chosen = (from: Record<string, string> | undefined) =>
      Object.fromEntries(names.flatMap((name) => (from?.[name] === undefined ? [] : [[name, from[name]]])));
    expect(chosen(environment)).toEqual(chosen(theirs));
  });

  it("keeps what cannot change, says so, and goes on", async () => {
    const script =
      "export UID=5 A=1; echo $?; UID=6 B=2; echo $?; unset UID; echo $?; for UID in 7; do C=$UID; done; D=$UID";
    const { stdout, stderr, environment } = await interpret(`${script}; export B C D`, {}, ["UID"]);
    expect(stdout).toBe("1\n1\n1\n");
    expect(stderr).toBe("UID: readonly variable\n".repeat(4));
    expect(environment).toMatchObject({ A: "1", B: "2", C: "1000", D: "1000" });
  });

  it("minds nothing that is not reached", async () => {
    const script = "if false; then A=$(date); ls | cat; module load x; fi; export B=1";
    expect((await interpret(script)).environment).toMatchObject({ B: "1" });
  });

  it.each([
    'A="x',
    "A='x",
    "A=`x",
    "if true; then",
    "fi",
    "case x in a) ;;",
    "for x in a; do",
    "export A=${B",
    "&& x",
    "{ A=1",
  ])("refuses %j before anything of it has run", async (script) => {
    await expect(interpret(`export FIRST=1\n${script}\n`)).rejects.toBeInstanceOf(ShellSyntaxError);
  });

  it("is what a real shell does, for any script of the subset", async () => {
    const name = fc.constantFrom("A", "B", "C", "GIVEN", "EMPTY", "NOPE");
    const plain = fc.stringMatching(/^[a-z0-9/:._,=+@%-]{0,6}$/);
    const special = fc.constantFrom(
      " ",
      "  ",
      "\t",
      "~",
      "~/",
      "'",
      '"',
      "\\",
      "$",
      "`",
      "*",
      "}",
      "{",
      "#",
      "é",
      ";",
      "\n",
      "[a]",
      "!",
    );
    const text = fc.array(fc.oneof(plain, special), { maxLength: 4 }).map((parts) => parts.join(""));
    const double = text.map((one) => `"${one.replace(/["\\$`]/g, "\\$&")}"`);
    const single = text.map((one) => `'${one.replaceAll("'", "'\\''")}'`);
    const word = fc.letrec<{ part: string; word: string }>((tie) => ({
      part: fc.oneof(
        { maxDepth: 3, depthIdentifier: "w" },
        plain,
        double,
        single,
        name.map((one) => `$${one}`),
        name.map((one) => `"$${one}"`),
        fc.tuple(name, fc.constantFrom("-", ":-", "+", ":+"), tie("word")).map(([n, op, w]) => `\${${n}${op}${w}}`),
        fc.tuple(name, fc.constantFrom("-", ":-", "+", ":+"), double).map(([n, op, w]) => `"\${${n}${op}${w}}"`),
        fc
          .tuple(
            name,
            fc.constantFrom("#", "##", "%", "%%"),
            fc.constantFrom("*:", "a*", "*/", "?", "'*'", "[a-g]*", "x"),
          )
          .map(([n, op, w]) => `"\${${n}${op}${w}}"`),
        name.map((one) => `\${#${one}}`),
        fc.constantFrom('"$1"', "$2", '"$*"', "$#"),
      ),
      word: fc.array(tie("part"), { minLength: 1, maxLength: 3, depthIdentifier: "w" }).map((parts) => parts.join("")),
    })).word;
    const assign = fc.tuple(name, word).map(([n, w]) => `${n}=${w}`);
    const simple = fc.oneof(
      assign,
      assign.map((one) => `export ${one}`),
      name.map((one) => `export ${one}`),
      name.map((one) => `unset ${one}`),
      fc.constantFrom(":", "true", "shift 0", "set --"),
      fc.tuple(name, word).map(([n, w]) => `for ${n} in ${w} "x y"; do export ACC="$ACC<$${n}>"; done`),
      word.map((w) => `set -- ${w} "$@"`),
    );
    const condition = fc.oneof(
      fc.tuple(fc.constantFrom("-n", "-z"), name).map(([op, n]) => `[ ${op} "$${n}" ]`),
      fc.tuple(name, fc.constantFrom("=", "!="), double).map(([n, op, w]) => `test "$${n}" ${op} ${w}`),
      fc.constantFrom("true", "false", "! true", "[ -d /nope ]", "[ $# -gt 1 ]"),
    );
    const command = fc.oneof(
      simple,
      fc.tuple(condition, simple, simple).map(([c, a, b]) => `if ${c}; then ${a}; else ${b}; fi`),
      fc.tuple(condition, fc.constantFrom("&&", "||"), simple).map(([c, op, a]) => `${c} ${op} ${a}`),
      fc
        .tuple(word, fc.constantFrom("*a*", "''", "?", "[!a]*", '"x y"|b*', "*:*"), simple)
        .map(([w, p, a]) => `case ${w} in ${p}) ${a};; *) export CASE=other;; esac`),
      fc.tuple(simple, simple).map(([a, b]) => `{ ${a}; ${b}; }`),
    );
    const script = fc.array(command, { minLength: 1, maxLength: 6 }).map((lines) => `set -f\n${lines.join("\n")}\n`);
    await fc.assert(
      fc.asyncProperty(script, async (one) => {
        const ours = await interpret(one.replace("set -f\n", "")).catch((caught: unknown) => caught);
        // What it does not understand it may leave to a shell, but nothing it may get wrong.
        fc.pre(!(ours instanceof ShellUnsupported));
        const outcome = ours instanceof ShellSyntaxError ? undefined : { ...(ours as object), ...UNCOMPARED };
        // dash and bash have each a few corners of their own: what one of them does is right.
        const theirs = SHELLS.map((shell) => real(shell, one)).map(({ stdout, environment }) =>
          environment === undefined ? undefined : { stdout, environment, ...UNCOMPARED },
        );
        if (!theirs.some((their) => isDeepStrictEqual(their, outcome))) expect(outcome).toEqual(theirs[0]);
      }),
      { numRuns: Number(process.env.FC_RUNS ?? 200) },
    );
  });
});
