import { readFileSync } from "node:fs";
import { EngineError } from "./errors.ts";
import type { ProgramPlan } from "./plan.ts";

/** execve(2), MAX_ARG_STRLEN: one string, with the zero behind it. */
const PAGES_OF_ONE = 32;
/** execve(2): all strings and the pointers to them have a quarter of the stack's limit, and 3/4 of 8 MiB at most. */
const LARGEST_TOTAL = 6 * 1024 * 1024;
const POINTER_SIZE = 8;
/** getauxval(3), on machines of 64 bits. */
const AT_PAGESZ = 6n;

/** What of a program was too long for the kernel (E2BIG), in numbers. */
export function argumentsTooLong({ command, environment }: ProgramPlan, cause: Error): EngineError {
  const words = command.map((word, index) => ({ what: `argument ${index}`, size: sizeOf(word) }));
  const variables = Object.entries(environment).map(([name, value]) => ({
    ...{ what: `the variable "${name.slice(0, 100)}"`, size: sizeOf(`${name}=${value}`) },
  }));
  const sum = (items: typeof words) => items.reduce((total, { size }) => total + size + POINTER_SIZE, 0);
  const longest = [...words, ...variables].reduce((most, item) => (item.size > most.size ? item : most));
  return new EngineError("ARGUMENTS_TOO_LONG", {
    ...{ program: command[0], argumentBytes: sum(words), variableBytes: sum(variables), limit: totalLimit() },
    ...{ longest: longest.what, longestBytes: longest.size, longestLimit: PAGES_OF_ONE * pageSize() },
    cause,
  });
}

const sizeOf = (text: string): number => Buffer.byteLength(text) + 1;

/** A quarter of what the stack may take: proc(5), limits. */
function totalLimit(): number {
  const stack = /^Max stack size +(\d+)/m.exec(readFileSync("/proc/self/limits", "latin1"))?.[1];
  return stack === undefined ? LARGEST_TOTAL : Math.min(Math.floor(Number(stack) / 4), LARGEST_TOTAL);
}

function pageSize(): number {
  const pairs = new BigUint64Array(Uint8Array.from(readFileSync("/proc/self/auxv")).buffer);
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    if (pairs[at] === AT_PAGESZ) return Number(pairs[at + 1]);
  }
  return 4096;
}
