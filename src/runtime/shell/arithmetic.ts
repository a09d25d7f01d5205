import type { Cursor } from "./cursor.ts";
import {
  type Arithmetic,
  type ArithmeticScope,
  NAME,
  ShellSyntaxError,
  ShellUnsupported,
  type Word,
} from "./syntax.ts";

/** Binary operators from the loosest to the tightest, all of them left to right; `**` is right to left, and above. */
const LEVELS: readonly (readonly string[])[] = [
  ["||"],
  ["&&"],
  ["|"],
  ["^"],
  ["&"],
  ["==", "!="],
  ["<=", ">=", "<", ">"],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
];
const ASSIGNMENTS = ["=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>="];
/** Longest first: an operator is never the beginning of another one. */
const OPERATORS = [
  ...new Set([...ASSIGNMENTS, ...LEVELS.flat(), "**", "++", "--", "!", "~", "?", ":", ",", "(", ")"]),
].sort((a, b) => b.length - a.length);
/** A decimal number of 64 bits: others (octal, bases) are read differently by different shells. */
const DECIMAL = /^\s*([+-]?)(0|[1-9]\d{0,18})\s*$/;
/** Deeper than anybody writes; the parser calls itself for each level. */
const MAX_DEPTH = 100;

/**
 * Reads an arithmetic expression up to one of `ends`, which is left where it is; `scanDollar` reads an expansion.
 *
 * Throws `ShellSyntaxError` for what is none, `ShellUnsupported` for what shells take differently.
 */
export function parseArithmetic(
  cursor: Cursor,
  ends: readonly string[],
  scanDollar: (cursor: Cursor) => Word,
): Arithmetic {
  return new Parser(cursor, ends, scanDollar).all();
}

class Parser {
  readonly #cursor: Cursor;
  readonly #ends: readonly string[];
  readonly #scanDollar: (cursor: Cursor) => Word;
  #depth = 0;

  constructor(cursor: Cursor, ends: readonly string[], scanDollar: (cursor: Cursor) => Word) {
    this.#cursor = cursor;
    this.#ends = ends;
    this.#scanDollar = scanDollar;
  }

  all(): Arithmetic {
    this.#blanks();
    if (this.#atEnd()) return async () => 0n;
    const expression = this.#comma();
    if (!this.#atEnd()) throw this.#wrong();
    return expression;
  }

  #comma(): Arithmetic {
    let left = this.#assignment();
    while (this.#take(",")) {
      const [first, second] = [left, this.#assignment()];
      left = async (scope) => {
        await first(scope);
        return second(scope);
      };
    }
    return left;
  }

  /** `NAME = …`, right to left; else what binds tighter. */
  #assignment(): Arithmetic {
    return this.#nested(() => {
      this.#blanks();
      const target = this.#cursor.match(/^([A-Za-z_]\w*)\s*(=(?!=)|(?:[-+*/%&|^]|<<|>>)=)/);
      if (target === null) return this.#ternary();
      const [whole, name = "", operator = ""] = target;
      this.#cursor.take(whole);
      const value = this.#assignment();
      return async (scope) => {
        const operand = await value(scope);
        const result = operator === "=" ? operand : compute(operator.slice(0, -1), numberOf(name, scope), operand);
        scope.assign(name, String(result));
        return result;
      };
    });
  }

  #ternary(): Arithmetic {
    const condition = this.#binary(0);
    if (!this.#take("?")) return condition;
    const yes = this.#assignment();
    if (!this.#take(":")) throw this.#wrong();
    const no = this.#assignment();
    return async (scope) => ((await condition(scope)) !== 0n ? yes(scope) : no(scope));
  }

  #binary(level: number): Arithmetic {
    const operators = LEVELS[level];
    if (operators === undefined) return this.#power();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = this.#next();
      if (operator === undefined || !operators.includes(operator)) return left;
      this.#take(operator);
      left = joined(operator, left, this.#binary(level + 1));
    }
  }

  #power(): Arithmetic {
    const base = this.#unary();
    return this.#take("**") ? joined("**", base, this.#power()) : base;
  }

  #unary(): Arithmetic {
    for (const operator of ["++", "--"] as const) {
      if (!this.#take(operator)) continue;
      return changing(this.#name(), operator, "before");
    }
    for (const operator of ["!", "~", "+", "-"] as const) {
      if (!this.#take(operator)) continue;
      const operand = this.#nested(() => this.#unary());
      return async (scope) => {
        const value = await operand(scope);
        if (operator === "!") return value === 0n ? 1n : 0n;
        return operator === "~" ? ~value : operator === "-" ? wrapped(-value) : value;
      };
    }
    return this.#primary();
  }

  #primary(): Arithmetic {
    if (this.#take("(")) {
      const inside = this.#nested(() => this.#comma());
      if (!this.#take(")")) throw this.#wrong();
      return inside;
    }
    const cursor = this.#cursor;
    if (cursor.peek() === "$") {
      const word = this.#scanDollar(cursor);
      // Digits and names that would become one word with it are read differently by different shells.
      if (/[\w#$"'`]/.test(cursor.peek())) throw new ShellUnsupported("arithmetic of joined words", cursor.line);
      return async (scope) => number(await scope.expand(word), scope);
    }
    const literal = cursor.match(/^\w+/)?.[0];
    if (literal === undefined) throw this.#wrong();
    cursor.take(literal);
    if (/[\w#$"'`[]/.test(cursor.peek())) throw new ShellUnsupported("arithmetic of joined words", cursor.line);
    if (!NAME.test(literal)) return async (scope) => number(literal, scope);
    for (const operator of ["++", "--"] as const) if (this.#take(operator)) return changing(literal, operator, "after");
    return async (scope) => numberOf(literal, scope);
  }

  #name(): string {
    this.#blanks();
    const name = this.#cursor.match(/^[A-Za-z_]\w*/)?.[0];
    if (name === undefined) throw this.#wrong();
    this.#cursor.take(name);
    return name;
  }

  #nested(parse: () => Arithmetic): Arithmetic {
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new ShellUnsupported("arithmetic as deep as that", this.#cursor.line);
    try {
      return parse();
    } finally {
      this.#depth -= 1;
    }
  }

  /** The operator that comes next, whole: `<` is none where `<<` stands. */
  #next(): string | undefined {
    this.#blanks();
    const { text, at } = this.#cursor;
    return OPERATORS.find((operator) => text.startsWith(operator, at));
  }

  #take(operator: string): boolean {
    if (this.#next() !== operator) return false;
    const taken = this.#cursor.take(operator);
    this.#blanks();
    return taken;
  }

  #blanks(): void {
    while (/\s/.test(this.#cursor.peek())) this.#cursor.next();
  }

  #atEnd(): boolean {
    const { text, at } = this.#cursor;
    return this.#ends.some((end) => (end === "" ? this.#cursor.done : text.startsWith(end, at)));
  }

  #wrong(): ShellSyntaxError {
    const { line } = this.#cursor;
    return new ShellSyntaxError(`arithmetic: "${this.#cursor.peek() || "its end"}" is not expected there`, line);
  }
}

function changing(name: string, operator: "++" | "--", order: "before" | "after"): Arithmetic {
  return async (scope) => {
    const old = numberOf(name, scope);
    const value = wrapped(operator === "++" ? old + 1n : old - 1n);
    scope.assign(name, String(value));
    return order === "before" ? value : old;
  };
}

function joined(operator: string, left: Arithmetic, right: Arithmetic): Arithmetic {
  return async (scope) => {
    const first = await left(scope);
    if (operator === "&&" && first === 0n) return 0n;
    if (operator === "||" && first !== 0n) return 1n;
    return compute(operator, first, await right(scope));
  };
}

function compute(operator: string, left: bigint, right: bigint): bigint {
  const truth = (holds: boolean) => (holds ? 1n : 0n);
  switch (operator) {
    case "+":
      return wrapped(left + right);
    case "-":
      return wrapped(left - right);
    case "*":
      return wrapped(left * right);
    case "/":
    case "%":
      // What comes of it differs: shells end, Apptainer's interpreter goes on with an empty text.
      if (right === 0n) throw new ShellUnsupported("a division by zero", 0);
      return wrapped(operator === "/" ? left / right : left % right);
    case "**":
      if (right < 0n) throw new ShellUnsupported("a negative exponent", 0);
      return power(left, right);
    case "<<":
    case ">>":
      if (right < 0n || right > 63n) throw new ShellUnsupported("a shift by so much", 0);
      return wrapped(operator === "<<" ? left << right : left >> right);
    case "&":
      return left & right;
    case "|":
      return left | right;
    case "^":
      return left ^ right;
    case "<":
      return truth(left < right);
    case ">":
      return truth(left > right);
    case "<=":
      return truth(left <= right);
    case ">=":
      return truth(left >= right);
    case "==":
      return truth(left === right);
    case "!=":
      return truth(left !== right);
    default:
      // What is left of && and || has been looked at.
      return truth(right !== 0n);
  }
}

/** By squaring, of 64 bits all the way: the exponent may be anything. */
function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let [square, left] = [base, exponent]; left > 0n; left >>= 1n, square = wrapped(square * square))
    if ((left & 1n) === 1n) result = wrapped(result * square);
  return result;
}

/** Names that lead to names: a variable may hold its own. */
const MAX_NAMES = 10;

const wrapped = (value: bigint): bigint => BigInt.asIntN(64, value);

/** A variable's value is a number, or another variable's name. */
function numberOf(name: string, scope: ArithmeticScope): bigint {
  return number(scope.value(name) ?? "", scope, 0);
}

function number(text: string, scope: ArithmeticScope, depth = 0): bigint {
  const decimal = DECIMAL.exec(text);
  const value = decimal === null ? undefined : BigInt(`${decimal[1] === "-" ? "-" : ""}${decimal[2]}`);
  if (value !== undefined && value === wrapped(value)) return value;
  if (text.trim() === "") return 0n;
  if (NAME.test(text) && depth < MAX_NAMES) return number(scope.value(text) ?? "", scope, depth + 1);
  throw new ShellUnsupported(`the number ${JSON.stringify(text.slice(0, 50))}`, 0);
}
