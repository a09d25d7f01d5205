import { Cursor } from "./cursor.ts";
import { parseDoubleTest } from "./parse-double-test.ts";
import { plainText, scanArithmetic, scanWord, splitAssignment } from "./scan-word.ts";
import {
  type Assignment,
  type Command,
  NAME,
  type Redirection,
  ShellSyntaxError,
  ShellUnsupported,
  type Word,
} from "./syntax.ts";

/** Words that end a list of commands where they stand in a command's place. */
const CLOSING: ReadonlySet<string> = new Set(["then", "elif", "else", "fi", "do", "done", "esac", "}"]);
/** Deeper than anybody writes; the parser calls itself for each level. */
const MAX_DEPTH = 200;

/**
 * Reads a script of the subset: simple commands with assignments, quotes and expansions, `;`, `&&`, `||`, `!`, `if`,
 * `case`, `for`, `while`, braces, subshells, `((…))`, `[[ … ]]` and functions. What else a shell has is a command of
 * kind `unsupported`. The text begins at `line`.
 *
 * Throws `ShellSyntaxError` for what no shell takes, `ShellUnsupported` where it cannot tell where a construct ends.
 */
export function parseScript(text: string, line = 1): Command {
  const parser = new Parser(text, line);
  const script = parser.list(0);
  const rest = parser.closing();
  if (rest !== undefined) throw new ShellSyntaxError(`"${rest}" can only be used in its statement`, parser.line);
  return script;
}

class Parser {
  readonly #cursor: Cursor;

  constructor(text: string, line: number) {
    this.#cursor = new Cursor(text, line);
  }

  get line(): number {
    return this.#cursor.line;
  }

  /** Commands up to a closing word, `;;`, `)` or the end. */
  list(depth: number): Command {
    if (depth > MAX_DEPTH) throw new ShellUnsupported(`more than ${MAX_DEPTH} nested commands`, this.line);
    const commands: Command[] = [];
    for (;;) {
      this.#skipSeparators();
      if (this.#atEnd()) return { kind: "list", commands };
      const { line } = this;
      const command = this.#andOr(depth);
      this.#blanks();
      const background = this.#cursor.peek() === "&" && this.#cursor.peek(1) !== "&";
      if (background) this.#cursor.next();
      commands.push(background ? { kind: "unsupported", what: "a command in the background (&)", line } : command);
      if (!background && !/[;\n]/.test(this.#cursor.peek()) && !this.#atEnd()) {
        throw new ShellUnsupported(`"${this.#cursor.peek()}" behind a command`, this.line);
      }
    }
  }

  /** The word that ended the list; undefined at the end of the text. */
  closing(): string | undefined {
    if (this.#cursor.done) return undefined;
    return this.#closingWord() ?? this.#cursor.peek();
  }

  #andOr(depth: number): Command {
    let left = this.#pipeline(depth);
    for (;;) {
      this.#blanks();
      const kind = this.#cursor.take("&&") ? "and" : this.#cursor.take("||") ? "or" : undefined;
      if (kind === undefined) return left;
      this.#newlines();
      left = { kind, left, right: this.#pipeline(depth) };
    }
  }

  #pipeline(depth: number): Command {
    const { line } = this;
    const not = this.#word("!");
    const command = this.#command(depth);
    this.#blanks();
    if (this.#cursor.peek() === "|" && this.#cursor.peek(1) !== "|") {
      while (this.#cursor.peek() === "|" && this.#cursor.peek(1) !== "|") {
        this.#cursor.next();
        this.#cursor.take("&");
        this.#newlines();
        this.#command(depth);
        this.#blanks();
      }
      return { kind: "unsupported", what: "a pipe (|)", line };
    }
    return not ? { kind: "not", command } : command;
  }

  #command(depth: number): Command {
    this.#blanks();
    const { line } = this;
    const command = this.#compound(depth, line);
    if (command === undefined) return this.#simple(depth, line);
    const redirections = this.#redirections();
    return redirections.length === 0 ? command : { kind: "redirected", command, redirections, line };
  }

  #compound(depth: number, line: number): Command | undefined {
    if (this.#word("if")) return this.#if(depth, line);
    if (this.#word("case")) return this.#case(depth, line);
    if (this.#word("for")) return this.#for(depth, line);
    for (const word of ["while", "until"] as const) {
      if (!this.#word(word)) continue;
      const condition = this.list(depth + 1);
      this.#expect("do", word, line);
      const body = this.list(depth + 1);
      this.#expect("done", word, line);
      return { kind: "while", until: word === "until", condition, body, line };
    }
    if (this.#word("[[")) return { kind: "test", expression: parseDoubleTest(this.#cursor), line };
    if (this.#cursor.peek() === "(") {
      const expression = this.#cursor.peek(1) === "(" ? scanArithmetic(this.#cursor) : undefined;
      if (expression !== undefined) return { kind: "arithmetic", expression, line };
      this.#cursor.next();
      const body = this.list(depth + 1);
      if (!this.#cursor.take(")")) throw new ShellSyntaxError("reached EOF without matching ( with )", line);
      return { kind: "subshell", body, line };
    }
    if (!this.#word("{")) return undefined;
    const body = this.list(depth + 1);
    this.#expect("}", "{", line);
    return body;
  }

  #if(depth: number, line: number): Command {
    const branches: { condition: Command; body: Command }[] = [];
    do {
      const condition = this.list(depth + 1);
      this.#expect("then", "if <cond>", line);
      branches.push({ condition, body: this.list(depth + 1) });
    } while (this.#word("elif"));
    const otherwise = this.#word("else") ? this.list(depth + 1) : undefined;
    this.#expect("fi", "if", line);
    return { kind: "if", branches, otherwise };
  }

  #case(depth: number, line: number): Command {
    this.#blanks();
    const word = scanWord(this.#cursor);
    this.#newlines();
    this.#expect("in", "case", line);
    const branches: { patterns: Word[]; body: Command }[] = [];
    for (;;) {
      this.#skipSeparators();
      if (this.#word("esac")) return { kind: "case", word, branches };
      if (this.#cursor.done) throw new ShellSyntaxError('"case" must end with "esac"', line);
      this.#cursor.take("(");
      const patterns: Word[] = [];
      do {
        this.#blanks();
        patterns.push(scanWord(this.#cursor));
        this.#blanks();
      } while (this.#cursor.take("|"));
      if (!this.#cursor.take(")")) throw new ShellSyntaxError("case patterns must be followed by )", this.line);
      branches.push({ patterns, body: this.list(depth + 1) });
      if (this.#cursor.text.startsWith(";;&", this.#cursor.at) || this.#cursor.text.startsWith(";&", this.#cursor.at)) {
        throw new ShellUnsupported("a case that goes on (;&)", this.line);
      }
      if (!this.#cursor.take(";;") && !this.#isWord("esac")) {
        throw new ShellSyntaxError('"case" must end with "esac"', line);
      }
    }
  }

  #for(depth: number, line: number): Command {
    this.#blanks();
    const name = plainText(scanWord(this.#cursor));
    if (name === undefined || !NAME.test(name)) throw new ShellUnsupported("a for without a name", line);
    this.#newlines();
    let words: Word[] | undefined;
    if (this.#word("in")) {
      words = [];
      for (this.#blanks(); this.#atWord(); this.#blanks()) words.push(scanWord(this.#cursor));
    }
    this.#skipSeparators();
    this.#expect("do", "for", line);
    const body = this.list(depth + 1);
    this.#expect("done", "for", line);
    return { kind: "for", name, words, body, line };
  }

  #simple(depth: number, line: number): Command {
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      this.#blanks();
      const redirection = this.#redirection();
      if (redirection !== undefined) {
        redirections.push(redirection);
        continue;
      }
      if (!this.#atWord()) break;
      const word = scanWord(this.#cursor);
      const assignment = words.length === 0 ? this.#assignment(word, line) : undefined;
      if (assignment !== undefined) assignments.push(assignment);
      else words.push(word);
      if (this.#cursor.peek() !== "(") continue;
      return this.#function(depth, line, words, assignments.length > 0);
    }
    if (assignments.length + words.length + redirections.length === 0) {
      throw new ShellSyntaxError(`a command can not begin with "${this.#cursor.peek() || "EOF"}"`, line);
    }
    return { kind: "simple", line, assignments, words, redirections };
  }

  #assignment(word: Word, line: number): Assignment | undefined {
    try {
      return splitAssignment(word);
    } catch (error) {
      throw error instanceof ShellUnsupported ? new ShellUnsupported(error.what, line) : error;
    }
  }

  /** `NAME() …`; any other parenthesis behind a word is bash's: an array, a pattern. */
  #function(depth: number, line: number, words: readonly Word[], assigned: boolean): Command {
    const name = words.length === 1 && !assigned ? plainText(words[0] as Word) : undefined;
    this.#cursor.next();
    this.#blanks();
    if (name === undefined || !NAME.test(name) || !this.#cursor.take(")")) {
      throw new ShellUnsupported("an array or a pattern of bash", line);
    }
    this.#newlines();
    return { kind: "function", name, body: this.#command(depth + 1) };
  }

  #redirections(): Redirection[] {
    const found: Redirection[] = [];
    for (;;) {
      this.#blanks();
      const one = this.#redirection();
      if (one === undefined) return found;
      found.push(one);
    }
  }

  #redirection(): Redirection | undefined {
    const { text, at } = this.#cursor;
    const match = /^(\d?)(<<|<>|<&|>>|>&|>\||&>|[<>])/.exec(text.slice(at, at + 4));
    if (match === null) return undefined;
    const [whole, number = "", operator = ""] = match;
    if (operator === "<<" || operator === "<>" || operator === "<&" || operator === "&>" || operator === ">|") {
      throw new ShellUnsupported(`the redirection ${operator}`, this.line);
    }
    this.#cursor.take(whole);
    if (this.#cursor.peek() === "(") throw new ShellUnsupported("a command in place of a file", this.line);
    this.#blanks();
    if (!this.#atWord()) throw new ShellSyntaxError(`${operator} must be followed by a word`, this.line);
    const fd = number === "" ? (operator === "<" ? 0 : 1) : Number(number);
    return { fd, operator: operator as Redirection["operator"], target: scanWord(this.#cursor) };
  }

  #blanks(): void {
    for (;;) {
      const char = this.#cursor.peek();
      if (char === " " || char === "\t") this.#cursor.next();
      else if (char === "\\" && this.#cursor.peek(1) === "\n") this.#cursor.take("\\\n");
      else if (char === "#") while (!this.#cursor.done && this.#cursor.peek() !== "\n") this.#cursor.next();
      else return;
    }
  }

  #newlines(): void {
    for (this.#blanks(); this.#cursor.peek() === "\n"; this.#blanks()) this.#cursor.next();
  }

  /** Newlines, and semicolons behind a command; `;;` is left alone. */
  #skipSeparators(): void {
    for (;;) {
      this.#newlines();
      if (this.#cursor.peek() !== ";" || this.#cursor.peek(1) === ";" || this.#cursor.peek(1) === "&") return;
      this.#cursor.next();
    }
  }

  #atEnd(): boolean {
    return this.#cursor.done || /[;)]/.test(this.#cursor.peek()) || this.#closingWord() !== undefined;
  }

  #atWord(): boolean {
    return !this.#cursor.done && !/[\s;&|<>()]/.test(this.#cursor.peek());
  }

  #closingWord(): string | undefined {
    for (const word of CLOSING) if (this.#isWord(word)) return word;
    return undefined;
  }

  #isWord(word: string): boolean {
    const { text, at } = this.#cursor;
    const after = text[at + word.length];
    return text.startsWith(word, at) && (after === undefined || /[\s;&|<>()]/.test(after));
  }

  /** Takes a reserved word if it comes next. */
  #word(word: string): boolean {
    this.#blanks();
    return this.#isWord(word) && this.#cursor.take(word);
  }

  #expect(word: string, behind: string, line: number): void {
    if (this.#word(word)) return;
    if (this.#cursor.done) throw new ShellSyntaxError(`"${behind}" must be followed by "${word}"`, line);
    throw new ShellSyntaxError(`"${behind}" must be followed by "${word}", not "${this.closing()}"`, this.line);
  }
}
