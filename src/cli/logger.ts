import { printable } from "../runtime.ts";

/** How much is told; each level tells what those before it tell. `-s` silent, `-q` quiet, `-v`, `-d`. */
export const Verbosity = { silent: 0, quiet: 1, info: 2, verbose: 3, debug: 4 } as const;
export type Verbosity = (typeof Verbosity)[keyof typeof Verbosity];

const PREFIX_COLUMNS = 8;
const COLOURS = { FATAL: 31, ERROR: 31, WARNING: 33, INFO: 34, VERBOSE: 34, DEBUG: 36 } as const;
type Label = keyof typeof COLOURS;

/** What a program wants to know of the error that ends a run. */
export interface FatalDetails {
  /** The error's code: stable, upper snake case. */
  readonly code: string;
  readonly exitCode: number;
}

/** Where messages go: standard error, or what a test hands in. */
export interface MessageStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/**
 * Writes messages in Apptainer's form: the level padded to eight columns, a space, the text; or, for
 * programs, as JSON objects among those of the progress events (src/cli/json-events.md).
 */
export class Logger {
  readonly verbosity: Verbosity;
  readonly stream: MessageStream;
  readonly #colour: boolean;
  format: "text" | "json" = "text";
  /** Set while bars are drawn: takes whole lines so that they land above the bars. */
  lineWriter: ((line: string) => void) | undefined;

  constructor(options: { readonly verbosity: Verbosity; readonly stream: MessageStream; readonly colour: boolean }) {
    this.verbosity = options.verbosity;
    this.stream = options.stream;
    this.#colour = options.colour && options.stream.isTTY === true;
  }

  fatal(text: string, details: FatalDetails, label: "FATAL" | "ERROR" = "FATAL"): void {
    if (this.format === "json") this.#object({ kind: "error", ...details, message: text });
    else this.#write(label, text);
  }

  error(text: string): void {
    this.#write("ERROR", text);
  }

  warning(text: string): void {
    if (this.verbosity >= Verbosity.quiet) this.#write("WARNING", text);
  }

  info(text: string): void {
    if (this.verbosity >= Verbosity.info) this.#write("INFO", text);
  }

  verbose(text: string): void {
    if (this.verbosity >= Verbosity.verbose) this.#write("VERBOSE", text);
  }

  /** Lines of its own each: a stack has many. */
  debug(text: string): void {
    if (this.verbosity < Verbosity.debug) return;
    for (const line of text.split("\n")) this.#write("DEBUG", line);
  }

  /** A line without a level, at the level of information: what is copied, how far it is. */
  plain(text: string): void {
    if (this.verbosity >= Verbosity.info) this.#line(printable(text));
  }

  #write(label: Label, text: string): void {
    if (this.format === "json") {
      this.#object({ kind: "log", level: label.toLowerCase(), message: text });
      return;
    }
    const prefix = `${label}:`.padEnd(PREFIX_COLUMNS);
    this.#line(`${this.#colour ? `\u001b[${COLOURS[label]}m${prefix}\u001b[0m` : prefix} ${printable(text)}`);
  }

  #object(object: object): void {
    this.#line(printable(JSON.stringify({ time: Date.now(), ...object })));
  }

  #line(line: string): void {
    if (this.lineWriter === undefined) this.stream.write(`${line}\n`);
    else this.lineWriter(line);
  }
}
