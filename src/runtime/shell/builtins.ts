import { parseArithmetic } from "./arithmetic.ts";
import { Cursor } from "./cursor.ts";
import { declareNames, exportNames, makeLocal, makeReadOnly, unsetNames } from "./declarations.ts";
import { evaluateArithmetic } from "./expand.ts";
import { Leave, LoopJump, Return } from "./jump.ts";
import { echoText, printfText } from "./print.ts";
import type { ShellState, Variable } from "./state.ts";
import { ShellUnsupported } from "./syntax.ts";
import { evaluateTest } from "./test-command.ts";

/** A command of the shell's own, about to be run. */
export interface BuiltinCall {
  readonly args: readonly string[];
  readonly line: number;
  readonly state: ShellState;
  /** In how many loops of its script or function it stands. */
  readonly loops: number;
  /** What names had before the function around made them its own; undefined outside of functions. */
  readonly locals: Map<string, Variable | undefined> | undefined;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Gives the status: what is read-only stays. */
  readonly assign: (name: string, value: string, exported?: boolean) => number;
  /** Tells that a name is read-only. */
  readonly keep: (name: string) => number;
  /** Runs the script at a path. */
  readonly source: (path: string, positional: readonly string[]) => Promise<number>;
  /** Runs a text in this very shell. */
  readonly evaluate: (text: string) => Promise<number>;
}

type Builtin = (call: BuiltinCall) => number | Promise<number>;

/** The shell's own commands that are understood. */
export const BUILTINS: Readonly<Record<string, Builtin>> = {
  ":": () => 0,
  true: () => 0,
  false: () => 1,
  export: exportNames,
  readonly: makeReadOnly,
  declare: declareNames,
  typeset: declareNames,
  local: makeLocal,
  unset: unsetNames,
  test: ({ args, state, line }) => evaluateTest(args, state, line),
  "[": ({ args, state, line }) => {
    if (args.at(-1) !== "]") throw new ShellUnsupported("[ without ]", line);
    return evaluateTest(args.slice(0, -1), state, line);
  },
  ".": dot,
  source: dot,
  eval: ({ args, evaluate }) => evaluate(args.join(" ")),
  let: letEvaluate,
  set: setParameters,
  shift,
  echo: ({ args, line, print }) => {
    print(echoText(args, line));
    return 0;
  },
  printf: ({ args, line, print }) => {
    print(printfText(args, line));
    return 0;
  },
  pwd: ({ args, line, state, print }) => {
    const folder = state.get("DIRSTACK");
    if (args.length > 0 || folder === undefined) throw new ShellUnsupported("pwd with options", line);
    print(`${folder}\n`);
    return 0;
  },
  exec: ({ args, line }) => {
    if (args.length === 0) throw new ShellUnsupported("exec without a program", line);
    throw new Leave({ kind: "exec", argv: args });
  },
  exit: (call) => {
    throw new Leave({ kind: "exit", status: statusArgument(call) });
  },
  return: (call) => {
    call.state.status = statusArgument(call);
    throw new Return();
  },
  break: (call) => jump("break", call),
  continue: (call) => jump("continue", call),
};

function jump(kind: "break" | "continue", { args, line, loops }: BuiltinCall): never {
  if (args.length > 0 || loops === 0) throw new ShellUnsupported(`${kind} out of more than one loop`, line);
  throw new LoopJump(kind);
}

function statusArgument({ args, line, state }: BuiltinCall): number {
  const [text] = args;
  if (text === undefined) return state.status;
  if (!/^\d{1,3}$/.test(text) || args.length > 1) throw new ShellUnsupported(`the status "${args.join(" ")}"`, line);
  return Number(text) & 0xff;
}

function dot({ args, line, source }: BuiltinCall): Promise<number> {
  const [path, ...rest] = args;
  if (path === undefined || !path.startsWith("/"))
    throw new ShellUnsupported("a script that has to be searched for", line);
  return source(path, rest);
}

async function letEvaluate({ args, line, state }: BuiltinCall): Promise<number> {
  let value = 0n;
  for (const text of args) {
    const expression = parseArithmetic(new Cursor(text), [""], () => {
      throw new ShellUnsupported("let with $", line);
    });
    value = await evaluateArithmetic(expression, state);
  }
  return value === 0n ? 1 : 0;
}

function shift({ args, line, state }: BuiltinCall): number {
  const count = args[0] === undefined ? 1 : Number(args[0]);
  if (!Number.isInteger(count) || count < 0 || count > state.positional.length)
    throw new ShellUnsupported("shift by so much", line);
  state.positional = state.positional.slice(count);
  return 0;
}

function setParameters({ args, line, state, complain }: BuiltinCall): number {
  const [first, ...rest] = args;
  if (first === "--") state.positional = rest;
  else if (first !== undefined && /^-[^-aefnuxomb]/.test(first)) {
    // As Apptainer's interpreter; shells would end here.
    complain(`set: invalid option: ${JSON.stringify(first)}\n`);
    return 2;
  } else if (first === undefined || /^[-+]/.test(first))
    throw new ShellUnsupported(`set ${first ?? "without arguments"}`, line);
  else state.positional = args;
  return 0;
}
