/** A name of a variable or function (POSIX.1-2017, XBD 3.235), as the whole of a text. */
export const NAME: RegExp = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What an expression needs of the shell around it. */
export interface ArithmeticScope {
  value(name: string): string | undefined;
  assign(name: string, value: string): void;
  expand(word: Word): Promise<string>;
}

/** An expression, ready to be evaluated, any number of times. */
export type Arithmetic = (scope: ArithmeticScope) => Promise<bigint>;

/** A piece of a word. `quoted` pieces are neither split nor matched against file names. */
export type WordPart =
  | { readonly kind: "text"; readonly text: string; readonly quoted: boolean }
  | { readonly kind: "parameter"; readonly name: string; readonly quoted: boolean; readonly operation?: Operation }
  /** `${#NAME}` */
  | { readonly kind: "length"; readonly name: string; readonly quoted: boolean }
  /** `${!NAME}` */
  | { readonly kind: "indirect"; readonly name: string; readonly quoted: boolean }
  /** `${NAME:1:2}` and its like. */
  | { readonly kind: "altered"; readonly name: string; readonly quoted: boolean; readonly alteration: Alteration }
  /** `$((…))` */
  | { readonly kind: "arithmetic"; readonly expression: Arithmetic; readonly quoted: boolean; readonly line: number }
  /** `$(…)`: read when it is evaluated. */
  | { readonly kind: "substitution"; readonly text: string; readonly quoted: boolean; readonly line: number }
  /** An unquoted `~` in front of the word or a value. */
  | { readonly kind: "home" }
  /** What is not understood is only an error where it is evaluated. */
  | { readonly kind: "unsupported"; readonly what: string; readonly line: number };

/** POSIX.1-2017, XCU 2.6.2: `-`, `=`, `?`, `+`, with a colon also for empty values; `#`, `##`, `%`, `%%` cut patterns. */
export interface Operation {
  readonly operator: "-" | "=" | "?" | "+" | "#" | "##" | "%" | "%%";
  readonly colon: boolean;
  readonly word: Word;
}

/** What bash does to a variable's value: `${NAME:1:2}`, `${NAME/pattern/text}`, `${NAME^^}`. */
export type Alteration =
  | { readonly kind: "part"; readonly offset: Arithmetic; readonly length: Arithmetic | undefined }
  | { readonly kind: "replace"; readonly all: boolean; readonly pattern: Word; readonly by: Word }
  | { readonly kind: "case"; readonly upper: boolean; readonly all: boolean };

export type Word = readonly WordPart[];

export interface Assignment {
  readonly name: string;
  /** `+=` */
  readonly appends: boolean;
  readonly value: Word;
}

/** `fd` is what is redirected; `target` a word, or a number behind `>&`. */
export interface Redirection {
  readonly fd: number;
  readonly operator: ">" | ">>" | "<" | ">&";
  readonly target: Word;
}

/** What stands in `[[ … ]]`. */
export type TestExpression =
  | { readonly kind: "word"; readonly word: Word }
  | { readonly kind: "unary"; readonly operator: string; readonly word: Word }
  | { readonly kind: "binary"; readonly operator: string; readonly left: Word; readonly right: Word }
  | { readonly kind: "and" | "or"; readonly left: TestExpression; readonly right: TestExpression }
  | { readonly kind: "not"; readonly expression: TestExpression };

export type Command =
  | {
      readonly kind: "simple";
      readonly line: number;
      readonly assignments: readonly Assignment[];
      readonly words: readonly Word[];
      readonly redirections: readonly Redirection[];
    }
  | { readonly kind: "list"; readonly commands: readonly Command[] }
  /** `&&` and `||`, left to right. */
  | { readonly kind: "and" | "or"; readonly left: Command; readonly right: Command }
  | { readonly kind: "not"; readonly command: Command }
  | {
      readonly kind: "if";
      readonly branches: readonly { readonly condition: Command; readonly body: Command }[];
      readonly otherwise: Command | undefined;
    }
  | {
      readonly kind: "case";
      readonly word: Word;
      readonly branches: readonly { readonly patterns: readonly Word[]; readonly body: Command }[];
    }
  /** `words` undefined: the positional parameters. */
  | {
      readonly kind: "for";
      readonly name: string;
      readonly words: readonly Word[] | undefined;
      readonly body: Command;
      readonly line: number;
    }
  | {
      readonly kind: "while";
      readonly until: boolean;
      readonly condition: Command;
      readonly body: Command;
      readonly line: number;
    }
  /** `((…))` */
  | { readonly kind: "arithmetic"; readonly expression: Arithmetic; readonly line: number }
  /** `[[ … ]]` */
  | { readonly kind: "test"; readonly expression: TestExpression; readonly line: number }
  | { readonly kind: "subshell"; readonly body: Command; readonly line: number }
  | {
      readonly kind: "redirected";
      readonly command: Command;
      readonly redirections: readonly Redirection[];
      readonly line: number;
    }
  | { readonly kind: "function"; readonly name: string; readonly body: Command }
  | { readonly kind: "unsupported"; readonly what: string; readonly line: number };

/** The text is no script in any shell: a quote without its end, an `if` without its `fi`. Such a file is skipped. */
export class ShellSyntaxError extends Error {
  readonly line: number;

  constructor(message: string, line: number) {
    super(message);
    this.name = "ShellSyntaxError";
    this.line = line;
  }
}

/** The text may be a script, but not one of the subset that is understood here: a real shell is needed. */
export class ShellUnsupported extends Error {
  readonly what: string;
  readonly line: number;
  /** The script that it stands in. */
  readonly file: string | undefined;

  constructor(what: string, line: number, file?: string) {
    super(what);
    this.name = "ShellUnsupported";
    this.what = what;
    this.line = line;
    this.file = file;
  }
}
