import { expandText } from "./expand.ts";
import type { ShellOutput, ShellState } from "./state.ts";
import { type Redirection, ShellUnsupported } from "./syntax.ts";

/** Where standard output and error go; undefined: nowhere. */
export interface Streams {
  readonly 1: ShellOutput["stream"] | undefined;
  readonly 2: ShellOutput["stream"] | undefined;
}

export const STANDARD_STREAMS: Streams = { 1: "stdout", 2: "stderr" };

/** What redirections make of the streams around them: they only ever lead to each other, and nowhere. */
export async function redirect(
  redirections: readonly Redirection[],
  around: Streams,
  state: ShellState,
): Promise<Streams> {
  const streams = { ...around };
  for (const { fd, operator, target } of redirections) {
    const where = await expandText(target, state);
    if (fd !== 1 && fd !== 2) throw new ShellUnsupported(`the redirection ${fd}${operator}${where}`, 0);
    if (operator === ">&" && (where === "1" || where === "2")) streams[fd] = streams[where];
    else if ((operator === ">" || operator === ">>") && where === "/dev/null") streams[fd] = undefined;
    else if ((operator === ">" || operator === ">>") && where === "/dev/stderr") streams[fd] = around[2];
    else throw new ShellUnsupported(`the redirection ${operator}${where}`, 0);
  }
  return streams;
}
