import type { Cursor } from "./cursor.ts";
import { plainText, scanWord } from "./scan-word.ts";
import { ShellSyntaxError, ShellUnsupported, type TestExpression, type Word } from "./syntax.ts";

const UNARY = /^-[a-zA-Z]$/;
const BINARY = ["==", "=~", "=", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef"];
/** Deeper than anybody writes; the parser calls itself for each level. */
const MAX_DEPTH = 100;

/** Reads what stands behind `[[`, with the `]]` that ends it. */
export function parseDoubleTest(cursor: Cursor): TestExpression {
  const { line } = cursor;
  const parser = new TestParser(cursor);
  const expression = parser.either(0);
  if (!parser.takesEnd()) throw new ShellSyntaxError('reached EOF without matching "[[" with "]]"', line);
  return expression;
}

class TestParser {
  readonly #cursor: Cursor;

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  either(depth: number): TestExpression {
    if (depth > MAX_DEPTH) throw new ShellUnsupported("[[ as deep as that", this.#cursor.line);
    let left = this.#both(depth);
    while (this.#takes("||")) left = { kind: "or", left, right: this.#both(depth) };
    return left;
  }

  takesEnd(): boolean {
    return this.#atEnd() && this.#cursor.take("]]");
  }

  #both(depth: number): TestExpression {
    let left = this.#primary(depth);
    while (this.#takes("&&")) left = { kind: "and", left, right: this.#primary(depth) };
    return left;
  }

  #primary(depth: number): TestExpression {
    if (this.#isWord("!")) {
      this.#cursor.take("!");
      if (depth > MAX_DEPTH) throw new ShellUnsupported("[[ as deep as that", this.#cursor.line);
      return { kind: "not", expression: this.#primary(depth + 1) };
    }
    if (this.#takes("(")) {
      const inside = this.either(depth + 1);
      if (!this.#takes(")")) throw this.#wrong();
      return inside;
    }
    const word = this.#word();
    const operator = BINARY.find((one) => this.#isWord(one));
    if (operator !== undefined) {
      this.#cursor.take(operator);
      this.#blanks();
      const right = this.#cursor.peek() === "(" && operator !== "<" ? [] : this.#word();
      if (/[(|]/.test(this.#cursor.peek()) && /^(=~|==?|!=)$/.test(operator))
        throw new ShellUnsupported(`${operator} with parentheses`, this.#cursor.line);
      return { kind: "binary", operator, left: word, right };
    }
    const text = plainText(word);
    if (text === undefined || !UNARY.test(text) || this.#atOperator()) return { kind: "word", word };
    return { kind: "unary", operator: text, word: this.#word() };
  }

  #word(): Word {
    this.#blanks();
    if (this.#atEnd() || this.#cursor.done || /[;&|<>()]/.test(this.#cursor.peek())) throw this.#wrong();
    return scanWord(this.#cursor);
  }

  /** Where an expression ends, or is joined to another one. */
  #atOperator(): boolean {
    return this.#atEnd() || this.#cursor.match(/^(&&|\|\||\))/) !== null;
  }

  #atEnd(): boolean {
    return this.#isWord("]]");
  }

  #isWord(word: string): boolean {
    this.#blanks();
    const { text, at } = this.#cursor;
    const after = text[at + word.length];
    return text.startsWith(word, at) && (after === undefined || /[\s;&|<>()]/.test(after));
  }

  #takes(operator: string): boolean {
    this.#blanks();
    return this.#cursor.take(operator);
  }

  #blanks(): void {
    for (;;) {
      if (/[ \t\n]/.test(this.#cursor.peek())) this.#cursor.next();
      else if (!this.#cursor.take("\\\n")) return;
    }
  }

  #wrong(): ShellSyntaxError {
    return new ShellSyntaxError(`"${this.#cursor.peek() || "EOF"}" is not expected in [[ … ]]`, this.#cursor.line);
  }
}
