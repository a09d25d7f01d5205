import { ShellUnsupported } from "./syntax.ts";

/** What `echo` prints. Backslashes and further options mean different things to different shells. */
export function echoText(args: readonly string[], line: number): string {
  const plain = args[0] === "-n" ? args.slice(1) : args;
  if (plain.some((arg) => arg.includes("\\")) || /^-[neE]+$/.test(plain[0] ?? ""))
    throw new ShellUnsupported("echo with escapes", line);
  return `${plain.join(" ")}${args[0] === "-n" ? "" : "\n"}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" },
  ...{ "\\": "\\", '"': '"', "'": "'" },
};
/** Characters that a conversion may be filled up to. */
const MAX_WIDTH = 10_000;
/** Decimal: numbers with a zero in front are octal to some shells. */
const INTEGER = /^[+-]?(0|[1-9]\d{0,14})$/;

/** What `printf` prints, of those conversions that mean the same everywhere: %s of texts, %d and %i of numbers. */
export function printfText([format, ...args]: readonly string[], line: number): string {
  if (format === undefined || format.startsWith("-")) throw new ShellUnsupported("printf without a format", line);
  const unsupported = (what: string) => new ShellUnsupported(`printf with ${what}`, line);
  const rest = [...args];
  let text = "";
  do {
    const before = rest.length;
    text += format.replace(
      /\\(.?)|%([-0]*)(\d*)(?:\.(\d*))?(.?)/gsu,
      (whole, letter, flags, width, precision, kind) => {
        if (letter !== undefined) {
          const char = ESCAPES[letter];
          if (char === undefined) throw unsupported(`\\${letter}`);
          return char;
        }
        if (whole === "%%") return "%";
        if (Number(width) > MAX_WIDTH) throw unsupported(`a width of ${width}`);
        const arg = rest.shift();
        return pad(converted(kind, arg, precision, unsupported), flags, Number(width), kind);
      },
    );
    if (rest.length === before) break;
  } while (rest.length > 0);
  return text;
}

function converted(
  kind: string,
  arg: string | undefined,
  precision: string | undefined,
  unsupported: (what: string) => Error,
): string {
  switch (kind) {
    case "s":
      // Apptainer's interpreter has no precision.
      if (precision !== undefined) throw unsupported("a precision");
      return arg ?? "";
    case "d":
    case "i":
      if (precision !== undefined) throw unsupported("a precision");
      if (!INTEGER.test(arg ?? "0")) throw unsupported("what is no number");
      return String(Number(arg ?? "0"));
    default:
      throw unsupported(`%${kind}`);
  }
}

function pad(text: string, flags: string, width: number, kind: string): string {
  const missing = width - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0") || kind === "s") return " ".repeat(missing) + text;
  const sign = text.startsWith("-") ? "-" : "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}
