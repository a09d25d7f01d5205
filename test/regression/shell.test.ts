import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { runScript } from "../../src/runtime/shell/execute.ts";
import { ShellState } from "../../src/runtime/shell/state.ts";
import { textView } from "../../src/runtime/text-view.ts";
import { memoryView } from "../runtime/views.ts";

async function interpret(script: string): Promise<string> {
  const state = new ShellState({ view: textView(memoryView({})), scriptName: "sh", positional: ["one"] });
  await runScript(script, state, "/script");
  return state.output.map(({ text }) => text).join("");
}

/** Found by the comparison of random scripts with real shells, seeds -621262872 and -71232567. */
describe("runScript() and characters of more than one byte", () => {
  it.each([
    ["? in case", `case 'é'$A in ?) set -- \${A-$A} "$@"; echo "one $#";; *) echo other;; esac`, "one 1\n"],
    ["? in case, in quotes", `case "é" in ?) echo "<$1>";; *) echo other;; esac`, "<one>\n"],
    ["two of them", "case éé in ?) echo one;; ??) echo two;; *) echo more;; esac", "two\n"],
    ["one outside the BMP", "case 😀 in ?) echo one;; *) echo more;; esac", "one\n"],
    ["[!a]", "case é in [!a]) echo one;; *) echo more;; esac", "one\n"],
    ["a cut in front and behind", `A=éaé; echo "\${A#?}\${A%?}\${A##[!a]}"`, "aééaaé\n"],
    ["lengths", `A=é😀a; echo \${#A}`, "3\n"],
  ])("counts characters: %s", async (_what, script, printed) => {
    expect(await interpret(script)).toBe(printed);
    // bash in a locale of its own; dash knows bytes only.
    const bash = spawnSync("bash", ["-c", script, "sh", "one"], { encoding: "utf8", env: { LC_ALL: "C.UTF-8" } });
    if (bash.error === undefined) expect(bash.stdout).toBe(printed);
  });
});
