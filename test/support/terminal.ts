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

/** Of a command, before it is ended with its terminal. */
const LIMIT_MS = 60_000;

/** Where and with which variables. */
interface TerminalOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs a command on a terminal of its own (`script` of bsdutils), and types each time the screen ends with one of the
 * questions what stands behind it.
 */
export function runOnTerminal(
  command: readonly string[],
  answers: Readonly<Record<string, string>>,
  options: TerminalOptions = {},
): Promise<TerminalRun> {
  const line = command.map((word) => `'${escapeSingleQuoted(word)}'`).join(" ");
  /** What is in front of it is answered. */
  let answered = 0;
  return onTerminal(line, options, (seen, type) => {
    // Line editors move the cursor behind their question.
    const open = stripVTControlCharacters(seen.slice(answered));
    for (const [question, typed] of Object.entries(answers)) {
      if (!open.endsWith(question)) continue;
      answered = seen.length;
      type(typed);
      break;
    }
  });
}

/** What is waited for on the screen, behind what was waited for before; and what is typed or done then. */
export type TerminalStep = readonly [wait: RegExp, act: string | ((found: RegExpExecArray) => void)];

/** Runs a line of the shell on a terminal of its own, step by step. */
export function followOnTerminal(
  line: string,
  steps: readonly TerminalStep[],
  options: TerminalOptions = {},
): Promise<TerminalRun> {
  const left = [...steps];
  let passed = 0;
  return onTerminal(line, options, (seen, type) => {
    for (let next = left[0]; next !== undefined; next = left[0]) {
      const [wait, act] = next;
      const found = wait.exec(seen.slice(passed));
      if (found === null) return;
      left.shift();
      passed += found.index + found[0].length;
      if (typeof act === "string") type(act);
      else act(found);
    }
  });
}

function onTerminal(
  line: string,
  options: TerminalOptions,
  look: (seen: string, type: (text: string) => void) => void,
): Promise<TerminalRun> {
  const terminal = spawn("script", ["-qec", line, "/dev/null"], {
    ...options,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let seen = "";
  terminal.stdout.setEncoding("utf8").on("data", (text: string) => {
    seen += text;
    look(seen, (typed) => terminal.stdin.write(typed));
  });
  // What waits in vain shows what it has seen.
  const limit = setTimeout(() => terminal.kill("SIGKILL"), LIMIT_MS);
  return new Promise((resolve, reject) => {
    terminal.once("error", reject);
    terminal.once("close", (code) => {
      clearTimeout(limit);
      resolve({ code, seen });
    });
  });
}
