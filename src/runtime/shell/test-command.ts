import { expandPattern, expandText } from "./expand.ts";
import { type PatternPart, patternRegExp } from "./pattern.ts";
import type { ShellState } from "./state.ts";
import { NAME, ShellUnsupported, type TestExpression } from "./syntax.ts";

/** What `test` answers: 0 true, 1 false. Throws `ShellUnsupported` for operators that are not understood. */
export async function evaluateTest(args: readonly string[], state: ShellState, line: number): Promise<number> {
  const parser = new TestParser(args, state, line);
  return (await parser.all()) ? 0 : 1;
}

/** What `[[ … ]]` answers. Throws `ShellUnsupported` for operators that are not understood. */
export async function evaluateDoubleTest(
  expression: TestExpression,
  state: ShellState,
  line: number,
): Promise<boolean> {
  const inner = (one: TestExpression) => evaluateDoubleTest(one, state, line);
  switch (expression.kind) {
    case "word":
      return (await expandText(expression.word, state)) !== "";
    case "not":
      return !(await inner(expression.expression));
    case "and":
      return (await inner(expression.left)) && (await inner(expression.right));
    case "or":
      return (await inner(expression.left)) || (await inner(expression.right));
    case "unary": {
      const { operator, word } = expression;
      const parser = new TestParser([operator, await expandText(word, state)], state, line);
      return parser.all();
    }
    case "binary": {
      const { operator, right } = expression;
      const left = await expandText(expression.left, state);
      if (operator === "=~") return matches(left, await expandPattern(right, state), line);
      if (operator === "==" || operator === "=" || operator === "!=") {
        const pattern = patternRegExp(await expandPattern(right, state), { slashes: true });
        return pattern.test(left) === (operator !== "!=");
      }
      const other = await expandText(right, state);
      const order = operator === "<" ? -1 : operator === ">" ? 1 : undefined;
      if (order !== undefined) return Math.sign(Buffer.compare(Buffer.from(left), Buffer.from(other))) === order;
      return new TestParser([left, operator, other], state, line).all();
    }
  }
}

/** `=~`, of expressions that are the same for every engine. */
function matches(text: string, parts: readonly PatternPart[], line: number): boolean {
  const plain = parts.every(({ text: piece, literal }) =>
    literal ? /^[\w\s/:,=@%-]*$/.test(piece) : /^[\w\s/:,=@%^$*+?.[\]-]*$/.test(piece),
  );
  const source = parts.map((part) => part.text).join("");
  try {
    if (plain) return new RegExp(source, "u").test(text);
  } catch {
    // The same as for what is not known.
  }
  throw new ShellUnsupported(`=~ with ${JSON.stringify(source.slice(0, 50))}`, line);
}

const INTEGER = /^\s*[+-]?\d{1,15}\s*$/;
const COMPARISONS: Readonly<Record<string, (a: number, b: number) => boolean>> = {
  "-eq": (a, b) => a === b,
  "-ne": (a, b) => a !== b,
  "-lt": (a, b) => a < b,
  "-le": (a, b) => a <= b,
  "-gt": (a, b) => a > b,
  "-ge": (a, b) => a >= b,
};

class TestParser {
  readonly #args: readonly string[];
  readonly #state: ShellState;
  readonly #line: number;

  constructor(args: readonly string[], state: ShellState, line: number) {
    this.#args = args;
    this.#state = state;
    this.#line = line;
  }

  all(): Promise<boolean> {
    return this.#either(this.#args);
  }

  /** POSIX.1-2017, test: up to four arguments go by their number; `-a` and `-o` split longer expressions. */
  async #either(args: readonly string[]): Promise<boolean> {
    if (args.length <= 4) return this.#byCount(args);
    for (const operator of ["-o", "-a"]) {
      const at = args.indexOf(operator, 1);
      if (at < 0 || at === args.length - 1) continue;
      // With parentheses or these words as operands the splitting would be a guess.
      if (args.includes("(") || args.includes(")")) throw this.#unsupported("parentheses");
      const left = await this.#either(args.slice(0, at));
      const right = await this.#either(args.slice(at + 1));
      return operator === "-o" ? left || right : left && right;
    }
    throw this.#unsupported("so many arguments");
  }

  async #byCount(args: readonly string[]): Promise<boolean> {
    const [a = "", b = "", c = ""] = args;
    switch (args.length) {
      case 0:
        return false;
      case 1:
        return a !== "";
      case 2:
        return a === "!" ? b === "" : this.#unary(a, b);
      case 3:
        if (b === "-a") return a !== "" && c !== "";
        if (b === "-o") return a !== "" || c !== "";
        if (this.#isBinary(b)) return this.#binary(a, b, c);
        if (a === "!") return !(await this.#byCount([b, c]));
        if (a === "(" && c === ")") return b !== "";
        throw this.#unsupported(b);
      default:
        if (a === "!") return !(await this.#byCount(args.slice(1)));
        throw this.#unsupported("so many arguments");
    }
  }

  async #unary(operator: string, operand: string): Promise<boolean> {
    const { view } = this.#state;
    const look = () => (operand.startsWith("/") ? view.look(operand) : undefined);
    if (/^-[fdesx]$/.test(operator) && operand !== "" && !operand.startsWith("/"))
      throw this.#unsupported("a relative path");
    switch (operator) {
      case "-n":
        return operand !== "";
      case "-z":
        return operand === "";
      case "-f":
        return (await look())?.kind === "file";
      case "-d":
        return (await look())?.kind === "directory";
      case "-e":
        return (await look()) !== undefined;
      case "-x":
        return (await look())?.executable === true;
      case "-v":
        if (!NAME.test(operand)) throw this.#unsupported("-v of what is no name");
        return this.#state.get(operand) !== undefined;
      case "-s":
        return operand.startsWith("/") && view.isFilled(operand);
      default:
        throw this.#unsupported(operator);
    }
  }

  #isBinary(operator: string): boolean {
    return operator === "=" || operator === "==" || operator === "!=" || Object.hasOwn(COMPARISONS, operator);
  }

  #binary(left: string, operator: string, right: string): boolean {
    if (operator === "!=") return left !== right;
    if (operator === "=" || operator === "==") return left === right;
    if (!INTEGER.test(left) || !INTEGER.test(right)) throw this.#unsupported("a comparison of what is no number");
    return COMPARISONS[operator]?.(Number(left), Number(right)) ?? false;
  }

  #unsupported(what: string): ShellUnsupported {
    return new ShellUnsupported(`test with ${what}`, this.#line);
  }
}
