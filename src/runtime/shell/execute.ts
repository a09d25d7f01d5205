import { BUILTINS } from "./builtins.ts";
import { DECLARING } from "./declarations.ts";
import { evaluateArithmetic, expandFields, expandPattern, expandText, ParameterError } from "./expand.ts";
import { Leave, LoopJump, Return, type ScriptEnd } from "./jump.ts";
import { parseScript } from "./parse.ts";
import { patternRegExp } from "./pattern.ts";
import { plainText } from "./scan-word.ts";
import { decodeScript } from "./script-text.ts";
import type { ShellOutput, ShellState, Variable } from "./state.ts";
import { redirect, STANDARD_STREAMS, type Streams } from "./streams.ts";
import { type Assignment, type Command, ShellSyntaxError, ShellUnsupported, type Word } from "./syntax.ts";
import { evaluateDoubleTest } from "./test-command.ts";

/** Rounds of all loops of a script together: env scripts go through some folders and lists. */
const MAX_ROUNDS = 100_000;
/** Scripts that source each other, functions that call each other, subshells in subshells. */
const MAX_CALLS = 100;

/** What a script and all that it calls may still do. */
interface Allowance {
  rounds: number;
  calls: number;
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
  readonly #left: Allowance;
  #streams: Streams = STANDARD_STREAMS;
  #loops = 0;
  #locals: Map<string, Variable | undefined> | undefined;

  constructor(state: ShellState, left: Allowance = { rounds: MAX_ROUNDS, calls: MAX_CALLS }) {
    this.#state = state;
    this.#left = left;
    state.substitute = (text, line) => this.#substitute(text, line);
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
      this.#left.calls += 1;
      this.#loops = loops;
    }
  }

  #enter(): void {
    this.#left.calls -= 1;
    if (this.#left.calls < 0)
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
        const text = await expandText(command.word, state);
        for (const { patterns, body } of command.branches) {
          for (const one of patterns)
            if (patternRegExp(await expandPattern(one, state), { slashes: true }).test(text)) return this.#run(body);
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
      case "arithmetic":
        return at(command.line, async () => ((await evaluateArithmetic(command.expression, state)) === 0n ? 1 : 0));
      case "test":
        return at(command.line, async () =>
          (await evaluateDoubleTest(command.expression, state, command.line)) ? 0 : 1,
        );
      case "subshell":
        return at(command.line, () => this.#subshell(command.body, this.#streams, state.output));
      case "redirected":
        return at(command.line, async () =>
          this.#through(await redirect(command.redirections, this.#streams, state), () => this.#run(command.command)),
        );
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
        this.#left.rounds -= 1;
        if (this.#left.rounds < 0) throw new ShellUnsupported(`more than ${MAX_ROUNDS} rounds of loops`, line);
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
    state.line = command.line;
    const words: string[] = [];
    const first = plainText(command.words[0] ?? []) ?? "";
    for (const [index, word] of command.words.entries()) {
      if (index > 0 && DECLARING.has(first) && /^[A-Za-z_]\w*=/.test(leadingText(word)))
        words.push(await expandAssignmentWord(word, state));
      else words.push(...(await expandFields(word, state)));
    }
    const [name, ...args] = words;
    if (name === undefined) {
      // Without a command the status is that of the last $(…), which has put it there.
      const isSubstituted = command.words.length > 0 || command.assignments.some(({ value }) => value.some(isCommand));
      const status = await this.#assignAll(command.assignments);
      await redirect(command.redirections, this.#streams, state);
      return status !== 0 || !isSubstituted ? status : state.status;
    }
    if (command.assignments.length > 0) throw new ShellUnsupported("an assignment in front of a command", command.line);
    const body = state.functions.get(name);
    const streams = await redirect(command.redirections, this.#streams, state);
    return this.#through(streams, async () =>
      body === undefined ? this.#builtin(name, args, command.line) : this.#call(body, args),
    );
  }

  /** Runs something with its output elsewhere. */
  async #through(streams: Streams, run: () => Promise<number>): Promise<number> {
    const around = this.#streams;
    this.#streams = streams;
    try {
      return await run();
    } finally {
      this.#streams = around;
    }
  }

  async #call(body: Command, args: readonly string[]): Promise<number> {
    const state = this.#state;
    const { positional } = state;
    const locals = this.#locals;
    this.#enter();
    state.positional = args;
    this.#locals = new Map();
    try {
      return await this.#run(body);
    } catch (error) {
      if (error instanceof Return) return state.status;
      throw error;
    } finally {
      for (const [name, variable] of this.#locals) {
        if (variable === undefined) state.unset(name);
        else state.variables.set(name, variable);
      }
      this.#locals = locals;
      state.positional = positional;
      this.#left.calls += 1;
    }
  }

  /** What a $(…) prints: its text is read only now. */
  async #substitute(text: string, line: number): Promise<string> {
    let body: Command;
    try {
      body = parseScript(text, line);
    } catch (error) {
      if (error instanceof ShellSyntaxError) throw new ShellUnsupported(error.message, error.line);
      throw error;
    }
    const said: ShellOutput[] = [];
    this.#state.status = await this.#subshell(body, STANDARD_STREAMS, said);
    for (const { stream, text: error } of said) if (stream === "stderr") this.#print(2, error);
    return said.map((one) => (one.stream === "stdout" ? one.text : "")).join("");
  }

  /** Nothing that it changes stays. */
  async #subshell(body: Command, streams: Streams, output: ShellOutput[]): Promise<number> {
    const copy = this.#state.copy(output);
    const inside = new Executor(copy, this.#left);
    inside.#streams = streams;
    this.#enter();
    try {
      return await inside.#run(body);
    } catch (error) {
      if (error instanceof Leave && error.end.kind === "exit") return error.end.status;
      if (error instanceof Leave || error instanceof Return)
        throw new ShellUnsupported("exec or return in a subshell", 0);
      throw error;
    } finally {
      this.#left.calls += 1;
    }
  }

  async #assignAll(assignments: readonly Assignment[]): Promise<number> {
    const state = this.#state;
    let status = 0;
    for (const { name, value, appends } of assignments) {
      const text = await expandText(value, state);
      if (this.#assign(name, appends ? (state.get(name) ?? "") + text : text) !== 0) status = 1;
    }
    return status;
  }

  #assign(name: string, value: string, exported = false): number {
    if (this.#state.readOnly.has(name)) return this.#keep(name);
    this.#state.set(name, value, exported);
    return 0;
  }

  /** As Apptainer's interpreter: the script goes on, where shells would end. */
  #keep(name: string): number {
    this.#print(2, `${name}: readonly variable\n`);
    return 1;
  }

  #print(to: 1 | 2, text: string): void {
    const stream = this.#streams[to];
    if (stream !== undefined) this.#state.output.push({ stream, text });
  }

  async #builtin(name: string, args: readonly string[], line: number): Promise<number> {
    const run = Object.hasOwn(BUILTINS, name) ? BUILTINS[name] : undefined;
    if (run === undefined) throw new ShellUnsupported(`the command ${JSON.stringify(name)}`, line);
    return run({
      ...{ args, line, state: this.#state, loops: this.#loops, locals: this.#locals },
      print: (text) => this.#print(1, text),
      complain: (text) => this.#print(2, text),
      assign: (one, value, exported) => this.#assign(one, value, exported),
      keep: (one) => this.#keep(one),
      source: (path, positional) => this.#dot(path, positional, line),
      evaluate: (text) => this.#eval(text, line),
    });
  }

  async #dot(path: string, positional: readonly string[], line: number): Promise<number> {
    const state = this.#state;
    const content = await state.view.read(path);
    if (content === undefined) throw new ShellUnsupported(`the script ${path}, which is not there`, line);
    const before = state.positional;
    if (positional.length > 0) state.positional = positional;
    try {
      await this.#source(decodeScript(content, path), path);
    } catch (error) {
      // What a shell does with a damaged script that another one sources differs from shell to shell.
      if (error instanceof ShellSyntaxError) throw new ShellUnsupported(error.message, error.line, path);
      throw error;
    } finally {
      if (positional.length > 0) state.positional = before;
    }
    return state.status;
  }

  async #eval(text: string, line: number): Promise<number> {
    let script: Command;
    try {
      script = parseScript(text);
    } catch (error) {
      if (error instanceof ShellSyntaxError) {
        // As Apptainer's interpreter: the script goes on.
        this.#print(2, `eval: ${error.line}: ${error.message}\n`);
        return 1;
      }
      if (error instanceof ShellUnsupported) throw new ShellUnsupported(error.what, line);
      throw error;
    }
    return at(line, () => this.#run(script));
  }
}

const isCommand = ({ kind }: Word[number]): boolean => kind === "substitution";

function leadingText(word: Word): string {
  const [first] = word;
  return first?.kind === "text" && !first.quoted ? first.text : "";
}

/** `NAME=~/x` as an argument of export: the tilde counts there, too. */
async function expandAssignmentWord(word: Word, state: ShellState): Promise<string> {
  const [first, ...rest] = word;
  const text = leadingText(word);
  const tilde = /^(\w+=)~(?=$|[/:])/.exec(text);
  if (first?.kind !== "text" || tilde === null || (text === tilde[0] && rest.length > 0))
    return expandText(word, state);
  const behind = { ...first, text: text.slice(tilde[0].length) };
  return `${tilde[1]}${await expandText([{ kind: "home" }, behind, ...rest], state)}`;
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
