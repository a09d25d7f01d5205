import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { escapeSingleQuoted } from "../../src/singularity-d/shell-quote.ts";

/** What a command did on its terminal. */
export interface TerminalRun {
  /** Exit code; null where a signal ended it. */
  readonly code: number | null;
  /** All that the terminal showed, what was typed and echoed included. */
  readonly seen: string;
}

/**
 * Runs a command on a terminal of its own (`script` of bsdutils), and types each time the screen ends with one of the
 * questions what stands behind it.
 */
export function runOnTerminal(
  command: readonly string[],
  answers: Readonly<Record<string, string>>,
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<TerminalRun> {
  const line = command.map((word) => `'${escapeSingleQuoted(word)}'`).join(" ");
  const terminal = spawn("script", ["-qec", line, "/dev/null"], {
    ...options,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let seen = "";
  /** What is in front of it is answered. */
  let answered = 0;
  terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
    // Line editors move the cursor behind their question.
    const open = stripVTControlCharacters(seen.slice(answered));
    for (const [question, typed] of Object.entries(answers)) {
      if (!open.endsWith(question)) continue;
      answered = seen.length;
      terminal.stdin.write(typed);
      break;
    }
  });
  return new Promise((resolve, reject) => {
    terminal.once("error", reject);
    terminal.once("close", (code) => resolve({ code, seen }));
  });
}
