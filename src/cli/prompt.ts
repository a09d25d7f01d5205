import { readWholeStream } from "../index.ts";
import type { Context } from "./context.ts";
import { FatalError } from "./exit.ts";

/** Asks a person, or whoever stands behind standard input. */
export interface Prompt {
  ask(question: string): Promise<string>;
  /** What is typed does not show. */
  askSecret(question: string): Promise<string>;
  /** Gives the terminal back as it was, and lets the process end. */
  close(): void;
}

/** Longer answers are no names and passwords; registries' tokens have some 4 KiB. */
const MAX_ANSWER_LENGTH = 64 * 1024;

/**
 * Prompts on standard output where that is a terminal, as Apptainer does, else on standard error: the output may
 * be a SIF. Without a terminal to read from, each answer is a line of standard input.
 */
export function openPrompt({ stdin, stdout, stderr, signal }: Context): Prompt {
  const screen = stdout.isTTY ? stdout : stderr;
  let waiting = "";
  let ended = false;

  async function ask(question: string, hidden: boolean): Promise<string> {
    const raw = stdin.isTTY && hidden;
    // Before the question: whoever answers at once must not be echoed either.
    if (raw) stdin.setRawMode(true);
    try {
      screen.write(question);
      return await new Promise<string>((resolve, reject) => {
        const settle = (act: () => void) => {
          stdin.off("data", take).off("end", finish).off("error", reject);
          signal.removeEventListener("abort", abort);
          stdin.pause();
          act();
        };
        const abort = () => settle(() => reject(signal.reason as Error));
        const finish = () => {
          ended = true;
          settle(() => (waiting === "" ? reject(new EndOfInput()) : resolve(takeLine(waiting.length))));
        };
        const look = () => {
          const end = waiting.search(/[\r\n]/);
          if (end >= 0) settle(() => resolve(takeLine(end)));
          else if (waiting.length > MAX_ANSWER_LENGTH) settle(() => reject(new FatalError("The answer is too long")));
        };
        const take = (chunk: string) => {
          if (!raw) waiting += chunk;
          else {
            const interrupted = edit(chunk);
            if (interrupted !== undefined) return settle(() => reject(interrupted));
          }
          look();
        };
        if (signal.aborted) return abort();
        signal.addEventListener("abort", abort);
        stdin.setEncoding("utf8");
        stdin.on("data", take).on("end", finish).on("error", reject);
        look();
        if (ended) finish();
        else stdin.resume();
      });
    } finally {
      if (raw) {
        stdin.setRawMode(false);
        screen.write("\n");
      }
    }
  }

  /** In raw mode the terminal edits nothing: erasing, giving up and interrupting are done here. */
  function edit(chunk: string): Error | undefined {
    for (const key of chunk) {
      if (key === "\u0003") {
        // The run is aborted as by any other interrupt; that ends the reading, too.
        process.kill(process.pid, "SIGINT");
        return undefined;
      }
      if (key === "\u0004" && waiting === "") return new EndOfInput();
      if (key === "\u007f" || key === "\b") waiting = waiting.replace(/.$/su, "");
      else if (key === "\u0015") waiting = "";
      else waiting += key;
    }
    return undefined;
  }

  function takeLine(end: number): string {
    const line = waiting.slice(0, end);
    const skip = waiting.startsWith("\r\n", end) ? 2 : 1;
    waiting = waiting.slice(end + skip);
    return line;
  }

  return {
    ask: (question) => ask(question, false),
    askSecret: (question) => ask(question, true),
    close() {
      stdin.pause();
      // A pipe that is held open by another process must not hold this one.
      stdin.unref?.();
    },
  };
}

class EndOfInput extends FatalError {
  constructor() {
    super("could not read user's input: EOF");
  }
}

/** All of standard input but its last line end: a password that a program gives. */
export async function readSecretFromStdin({ stdin, signal }: Context): Promise<string> {
  const bytes = await readWholeStream(stdin, "standard input", { limit: MAX_ANSWER_LENGTH, signal });
  return bytes.toString("utf8").replace(/\r?\n$/, "");
}
