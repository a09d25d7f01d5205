import { expandFields, expandPattern, expandText, ParameterError } from "./expand.ts";
import { parseScript } from "./parse.ts";
import { patternRegExp } from "./pattern.ts";
import type { ShellOutput, ShellState } from "./state.ts";
import { type Assignment, type Command, type Redirection, ShellSyntaxError, ShellUnsupported } from "./syntax.ts";
import { evaluateTest } from "./test-command.ts";

/** How a script came to its end. */
export type ScriptEnd =
  | { readonly kind: "end" }
  | { readonly kind: "exit"; readonly status: number }
  /** `exec` of a program. */
  | { readonly kind: "exec"; readonly argv: readonly string[] };

/** Rounds of all loops of a script together: env scripts go through some folders and lists. */
const MAX_ROUNDS = 100_000;
/** Scripts that source each other, functions that call each other. */
const MAX_CALLS = 100;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** How commands that change where a script goes on reach the place that they lead to. */
class Jump extends Error {}
class Return extends Jump {}
class Leave extends Jump {
  readonly end: ScriptEnd;

  constructor(end: ScriptEnd) {
    super();
    this.end = end;
  }
}
class LoopJump extends Jump {
  readonly kind: "break" | "continue";

  constructor(kind: "break" | "continue") {
    super();
    this.kind = kind;
  }
}

/**
 * Runs the text of a script. Throws `ShellSyntaxError` before anything of it has run, `ShellUnsupported` where a real
 * shell is needed; then the state is that of the middle of the script.
 */
export async function runScript(text: string, state: ShellState, file: string): Promise<ScriptEnd> {
  return new Executor(state).script(text, file);
}

class Executor {
  readonly #state: ShellState;
  #rounds = 0;
  #calls = 0;
  #loops = 0;

  constructor(state: ShellState) {
    this.#state = state;
  }

  async script(text: string, file: string): Promise<ScriptEnd> {
    try {
      await this.#source(text, file);
      return { kind: "end" };
    } catch (error) {
      if (error instanceof Leave) return error.end;
      throw error;
    }
  }

  async #source(text: string, file: string): Promise<void> {
    // Apptainer's interpreter reads `\r\n` as a line's end, even in quotes.
    const script = named(file, () => parseScript(text.replaceAll("\r\n", "\n")));
    this.#enter();
    const loops = this.#loops;
    this.#loops = 0;
    try {
      await this.#run(script);
    } catch (error) {
      if (error instanceof ShellUnsupported && error.file === undefined) {
        throw new ShellUnsupported(error.what, error.line, file);
      }
      if (!(error instanceof Return)) throw error;
    } finally {
      this.#calls -= 1;
      this.#loops = loops;
    }
  }

  #enter(): void {
    this.#calls += 1;
    if (this.#calls > MAX_CALLS)
      throw new ShellUnsupported(`more than ${MAX_CALLS} scripts or functions in each other`, 0);
  }

  async #run(command: Command): Promise<number> {
    const state = this.#state;
    state.status = await this.#statusOf(command);
    return state.status;
  }

  async #statusOf(command: Command): Promise<number> {
    const state = this.#state;
    switch (command.kind) {
      case "simple":
        return at(command.line, () => this.#simple(command));
      case "list": {
        let status = command.commands.length === 0 ? 0 : state.status;
        for (const one of command.commands) status = await this.#run(one);
        return status;
      }
      case "and":
        return (await this.#run(command.left)) === 0 ? this.#run(command.right) : state.status;
      case "or":
        return (await this.#run(command.left)) !== 0 ? this.#run(command.right) : state.status;
      case "not":
        return (await this.#run(command.command)) === 0 ? 1 : 0;
      case "if":
        for (const { condition, body } of command.branches) {
          if ((await this.#run(condition)) === 0) return this.#run(body);
        }
        return command.otherwise === undefined ? 0 : this.#run(command.otherwise);
      case "case": {
        const text = expandText(command.word, state);
        for (const { patterns, body } of command.branches) {
          const matches = patterns.some((one) =>
            patternRegExp(expandPattern(one, state), { slashes: true }).test(text),
          );
          if (matches) return this.#run(body);
        }
        return 0;
      }
      case "for":
        return at(command.line, () => this.#for(command));
      case "while": {
        let status = 0;
        await this.#loop(command.line, async () => {
          const holds = (await this.#run(command.condition)) === 0;
          if (holds === command.until) return false;
          status = await this.#run(command.body);
          return true;
        });
        return status;
      }
      case "function":
        state.functions.set(command.name, command.body);
        return 0;
      case "unsupported":
        throw new ShellUnsupported(command.what, command.line);
    }
  }

  async #for({ name, words, body, line }: Command & { kind: "for" }): Promise<number> {
    const values: string[] = [];
    if (words === undefined) values.push(...this.#state.positional);
    else for (const word of words) values.push(...(await expandFields(word, this.#state)));
    let status = 0;
    let next = 0;
    await this.#loop(line, async () => {
      const value = values[next++];
      if (value === undefined) return false;
      this.#assign(name, value);
      status = await this.#run(body);
      return true;
    });
    return status;
  }

  async #loop(line: number, round: () => Promise<boolean>): Promise<void> {
    this.#loops += 1;
    try {
      for (;;) {
        this.#rounds += 1;
        if (this.#rounds > MAX_ROUNDS) throw new ShellUnsupported(`more than ${MAX_ROUNDS} rounds of loops`, line);
        try {
          if (!(await round())) return;
        } catch (error) {
          if (!(error instanceof LoopJump)) throw error;
          if (error.kind === "break") return;
        }
      }
    } finally {
      this.#loops -= 1;
    }
  }

  async #simple(command: Command & { kind: "simple" }): Promise<number> {
    const state = this.#state;
    const words: string[] = [];
    const declares = command.words[0]?.length === 1 && isExport(command.words[0][0]);
    for (const [index, word] of command.words.entries()) {
      // Arguments of export that assign are not split (POSIX.1-2024, declaration utilities).
      const assignment = declares && index > 0 ? /^[A-Za-z_]\w*=/.test(leadingText(word)) : false;
      if (assignment) words.push(expandAssignmentWord(word, state));
      else words.push(...(await expandFields(word, state)));
    }
    const [name, ...args] = words;
    if (name === undefined) {
      const status = this.#assignAll(command.assignments);
      if (command.redirections.length > 0) this.#redirect(command.redirections);
      return status;
    }
    const run = state.functions.get(name) === undefined ? this.#builtin(name) : undefined;
    const body = state.functions.get(name);
    if (command.assignments.length > 0) throw new ShellUnsupported("an assignment in front of a command", command.line);
    const streams = this.#redirect(command.redirections);
    if (body !== undefined) {
      if (command.redirections.length > 0)
        throw new ShellUnsupported("a function whose output goes elsewhere", command.line);
      return this.#call(body, args);
    }
    if (run === undefined) throw new ShellUnsupported(`the command ${JSON.stringify(name)}`, command.line);
    return run(args, command.line, streams);
  }

  async #call(body: Command, args: readonly string[]): Promise<number> {
    const state = this.#state;
    const { positional } = state;
    this.#enter();
    state.positional = args;
    try {
      return await this.#run(body);
    } catch (error) {
      if (error instanceof Return) return state.status;
      throw error;
    } finally {
      state.positional = positional;
      this.#calls -= 1;
    }
  }

  #assignAll(assignments: readonly Assignment[]): number {
    let status = 0;
    for (const { name, value } of assignments) {
      if (this.#assign(name, expandText(value, this.#state)) !== 0) status = 1;
    }
    return status;
  }

  #assign(name: string, value: string, exported = false): number {
    if (this.#state.readOnly.has(name)) return this.#keeps(name);
    this.#state.set(name, value, exported);
    return 0;
  }

  /** As Apptainer's interpreter: the script goes on, where shells would end. */
  #keeps(name: string): number {
    this.#state.output.push({ stream: "stderr", text: `${name}: readonly variable\n` });
    return 1;
  }

  /** Where standard output and error go; undefined: nowhere. */
  #redirect(redirections: readonly Redirection[]): Streams {
    const streams: Streams = { 1: "stdout", 2: "stderr" };
    for (const { fd, operator, target } of redirections) {
      const where = expandText(target, this.#state);
      if (fd !== 1 && fd !== 2) throw new ShellUnsupported(`the redirection ${fd}${operator}${where}`, 0);
      if (operator === ">&" && (where === "1" || where === "2")) streams[fd] = streams[where];
      else if ((operator === ">" || operator === ">>") && where === "/dev/null") streams[fd] = undefined;
      else if ((operator === ">" || operator === ">>") && where === "/dev/stderr") streams[fd] = "stderr";
      else throw new ShellUnsupported(`the redirection ${operator}${where}`, 0);
    }
    return streams;
  }

  #builtin(name: string): Builtin | undefined {
    const state = this.#state;
    switch (name) {
      case ":":
      case "true":
        return async () => 0;
      case "false":
        return async () => 1;
      case "export":
        return async (args, line) => this.#export(args, line);
      case "unset":
        return async (args, line) => this.#unset(args, line);
      case "test":
        return (args, line) => evaluateTest(args, state, line);
      case "[":
        return (args, line) => {
          if (args.at(-1) !== "]") throw new ShellUnsupported("[ without ]", line);
          return evaluateTest(args.slice(0, -1), state, line);
        };
      case ".":
      case "source":
        return (args, line) => this.#dot(args, line);
      case "eval":
        return (args, line) => this.#eval(args, line);
      case "set":
        return async (args, line) => this.#set(args, line);
      case "shift":
        return async (args, line) => {
          const count = args[0] === undefined ? 1 : Number(args[0]);
          if (!Number.isInteger(count) || count < 0 || count > state.positional.length) {
            throw new ShellUnsupported("shift by so much", line);
          }
          state.positional = state.positional.slice(count);
          return 0;
        };
      case "echo":
        return async (args, line, streams) => this.#echo(args, line, streams);
      case "exec":
        return async (args, line) => {
          if (args.length === 0) throw new ShellUnsupported("exec without a program", line);
          throw new Leave({ kind: "exec", argv: args });
        };
      case "exit":
        return async (args, line) => {
          throw new Leave({ kind: "exit", status: this.#statusArgument(args, line) });
        };
      case "return":
        return async (args, line) => {
          state.status = this.#statusArgument(args, line);
          throw new Return();
        };
      case "break":
      case "continue":
        return async (args, line) => {
          if (args.length > 0 || this.#loops === 0)
            throw new ShellUnsupported(`${name} out of more than one loop`, line);
          throw new LoopJump(name);
        };
      default:
        return undefined;
    }
  }

  #statusArgument(args: readonly string[], line: number): number {
    const [text] = args;
    if (text === undefined) return this.#state.status;
    if (!/^\d{1,3}$/.test(text) || args.length > 1) throw new ShellUnsupported(`the status "${args.join(" ")}"`, line);
    return Number(text) & 0xff;
  }

  #export(args: readonly string[], line: number): number {
    let status = 0;
    for (const arg of args) {
      const equals = arg.indexOf("=");
      const name = equals < 0 ? arg : arg.slice(0, equals);
      if (!NAME.test(name)) throw new ShellUnsupported(`export ${JSON.stringify(name)}`, line);
      if (equals < 0) this.#state.export(name);
      else if (this.#assign(name, arg.slice(equals + 1), true) !== 0) status = 1;
    }
    if (args.length === 0) throw new ShellUnsupported("export without names", line);
    return status;
  }

  #unset(args: readonly string[], line: number): number {
    const functions = args[0] === "-f";
    let status = 0;
    for (const name of args[0] === "-f" || args[0] === "-v" ? args.slice(1) : args) {
      if (!NAME.test(name)) throw new ShellUnsupported(`unset ${JSON.stringify(name)}`, line);
      if (functions) this.#state.functions.delete(name);
      else if (this.#state.readOnly.has(name)) status = this.#keeps(name);
      else this.#state.unset(name);
    }
    return status;
  }

  async #dot(args: readonly string[], line: number): Promise<number> {
    const [path, ...rest] = args;
    if (path === undefined || !path.startsWith("/"))
      throw new ShellUnsupported("a script that has to be searched for", line);
    const content = await this.#state.view.read(path);
    if (content === undefined) throw new ShellUnsupported(`the script ${path}, which is not there`, line);
    const { positional } = this.#state;
    if (rest.length > 0) this.#state.positional = rest;
    try {
      await this.#source(decodeScript(content, path), path);
    } catch (error) {
      // What a shell does with a damaged script that another one sources differs from shell to shell.
      if (error instanceof ShellSyntaxError) throw new ShellUnsupported(error.message, error.line, path);
      throw error;
    } finally {
      if (rest.length > 0) this.#state.positional = positional;
    }
    return this.#state.status;
  }

  async #eval(args: readonly string[], line: number): Promise<number> {
    let script: Command;
    try {
      script = parseScript(args.join(" "));
    } catch (error) {
      if (error instanceof ShellSyntaxError) {
        // As Apptainer's interpreter: the script goes on.
        this.#state.output.push({ stream: "stderr", text: `eval: ${error.line}: ${error.message}\n` });
        return 1;
      }
      if (error instanceof ShellUnsupported) throw new ShellUnsupported(error.what, line);
      throw error;
    }
    return at(line, () => this.#run(script));
  }

  #set(args: readonly string[], line: number): number {
    const [first, ...rest] = args;
    if (first === "--") this.#state.positional = rest;
    else if (first !== undefined && /^-[^-aefnuxomb]/.test(first)) {
      // As Apptainer's interpreter; shells would end here.
      this.#state.output.push({ stream: "stderr", text: `set: invalid option: ${JSON.stringify(first)}\n` });
      return 2;
    } else if (first === undefined || /^[-+]/.test(first))
      throw new ShellUnsupported(`set ${first ?? "without arguments"}`, line);
    else this.#state.positional = args;
    return 0;
  }

  #echo(args: readonly string[], line: number, streams: Streams): number {
    const plain = args[0] === "-n" ? args.slice(1) : args;
    // Backslashes and further options mean different things to different shells.
    if (plain.some((arg) => arg.includes("\\")) || /^-[neE]+$/.test(plain[0] ?? ""))
      throw new ShellUnsupported("echo with escapes", line);
    const stream = streams[1];
    const text = `${plain.join(" ")}${args[0] === "-n" ? "" : "\n"}`;
    if (stream !== undefined) this.#state.output.push({ stream, text });
    return 0;
  }
}

type Stream = ShellOutput["stream"] | undefined;
interface Streams {
  1: Stream;
  2: Stream;
}
type Builtin = (args: readonly string[], line: number, streams: Streams) => Promise<number>;

function isExport(part: Assignment["value"][number] | undefined): boolean {
  return part?.kind === "text" && part.text === "export";
}

function leadingText(word: Assignment["value"]): string {
  const [first] = word;
  return first?.kind === "text" && !first.quoted ? first.text : "";
}

/** `NAME=~/x` as an argument of export: the tilde counts there, too. */
function expandAssignmentWord(word: Assignment["value"], state: ShellState): string {
  const [first, ...rest] = word;
  const text = leadingText(word);
  const tilde = /^(\w+=)~(?=$|[/:])/.exec(text);
  if (first?.kind !== "text" || tilde === null || (text === tilde[0] && rest.length > 0))
    return expandText(word, state);
  const behind = { ...first, text: text.slice(tilde[0].length) };
  return `${tilde[1]}${expandText([{ kind: "home" }, behind, ...rest], state)}`;
}

/** Gives what is thrown without a line the line of its command. */
async function at<T>(line: number, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof ShellUnsupported && error.line === 0) throw new ShellUnsupported(error.what, line, error.file);
    if (error instanceof ParameterError) throw new ShellUnsupported(`\${…?}: ${error.message}`, line);
    throw error;
  }
}

function named<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ShellUnsupported) throw new ShellUnsupported(error.what, error.line, file);
    throw error;
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A script's text. Throws `ShellUnsupported` for bytes that no text of ours can hold. */
export function decodeScript(content: Uint8Array, file: string): string {
  try {
    const text = UTF8.decode(content);
    if (!text.includes("\0")) return text;
  } catch {
    // Not UTF-8.
  }
  throw new ShellUnsupported("bytes that are not UTF-8", 1, file);
}
