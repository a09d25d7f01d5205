import type { TextView } from "../text-view.ts";
import { type Command, ShellUnsupported } from "./syntax.ts";

/** A shell's variable. */
export interface Variable {
  readonly value: string;
  readonly exported: boolean;
}

/** What a script has written. */
export interface ShellOutput {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

/** Characters of a variable's value: the kernel passes on 128 KiB of one, and a loop could double it without end. */
const MAX_TEXT = 4 * 1024 * 1024;

/** Everything that commands of a script share and change. */
export class ShellState {
  readonly variables: Map<string, Variable> = new Map();
  /** Names that were exported before they had a value. */
  readonly exportedNames: Set<string> = new Set();
  readonly functions: Map<string, Command> = new Map();
  readonly output: ShellOutput[];
  /** Names that do not change: a script that tries is told so, and goes on. */
  readonly readOnly: Set<string>;
  readonly view: TextView;
  positional: readonly string[];
  scriptName: string;
  status = 0;
  /** Of the command that is being run. */
  line = 0;
  /** `$$`; undefined where the process is not there yet. */
  readonly pid: number | undefined;
  /** Runs the text of a `$(…)` and gives what it prints; `status` is then its own. */
  substitute: ((text: string, line: number) => Promise<string>) | undefined;

  constructor(options: {
    readonly view: TextView;
    readonly scriptName: string;
    readonly positional?: readonly string[];
    readonly readOnly?: readonly string[];
    readonly pid?: number;
    readonly output?: ShellOutput[];
  }) {
    this.view = options.view;
    this.scriptName = options.scriptName;
    this.positional = options.positional ?? [];
    this.readOnly = new Set(options.readOnly);
    this.pid = options.pid;
    this.output = options.output ?? [];
  }

  /** What a subshell starts with: nothing that it changes comes back. What it prints goes to `output`. */
  copy(output: ShellOutput[]): ShellState {
    const { view, scriptName, positional, readOnly, pid } = this;
    const copy = new ShellState({
      ...{ view, scriptName, positional, readOnly: [...readOnly], output },
      ...(pid === undefined ? {} : { pid }),
    });
    for (const [name, variable] of this.variables) copy.variables.set(name, variable);
    for (const name of this.exportedNames) copy.exportedNames.add(name);
    for (const [name, body] of this.functions) copy.functions.set(name, body);
    copy.status = this.status;
    return copy;
  }

  get(name: string): string | undefined {
    return this.variables.get(name)?.value;
  }

  set(name: string, value: string, exported = false): void {
    if (value.length > MAX_TEXT) throw new ShellUnsupported(`more than ${MAX_TEXT} characters in ${name}`, 0);
    const known = this.variables.get(name);
    const isExported = exported || known?.exported === true || this.exportedNames.has(name);
    this.variables.set(name, { value, exported: isExported });
  }

  export(name: string): void {
    const known = this.variables.get(name);
    if (known === undefined) this.exportedNames.add(name);
    else this.variables.set(name, { ...known, exported: true });
  }

  unset(name: string): void {
    this.variables.delete(name);
    this.exportedNames.delete(name);
  }

  /** The environment of a program that is started now. */
  environment(): Map<string, string> {
    return new Map([...this.variables].flatMap(([name, { value, exported }]) => (exported ? [[name, value]] : [])));
  }
}
