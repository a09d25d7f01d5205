/** How much is told; each level tells what those before it tell. `-s` silent, `-q` quiet, `-v`, `-d`. */
export const Verbosity = { silent: 0, quiet: 1, info: 2, verbose: 3, debug: 4 } as const;
export type Verbosity = (typeof Verbosity)[keyof typeof Verbosity];

const PREFIX_COLUMNS = 8;
const COLOURS = { FATAL: 31, ERROR: 31, WARNING: 33, INFO: 34, VERBOSE: 34, DEBUG: 36 } as const;
type Label = keyof typeof COLOURS;

/** Where messages go: standard error, or what a test hands in. */
export interface MessageStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** Writes messages in Apptainer's form: the level padded to eight columns, a space, the text. */
export class Logger {
  readonly verbosity: Verbosity;
  readonly stream: MessageStream;
  readonly #colour: boolean;
  /** Set while bars are drawn: takes whole lines so that they land above the bars. */
  lineWriter: ((line: string) => void) | undefined;

  constructor(options: { readonly verbosity: Verbosity; readonly stream: MessageStream; readonly colour: boolean }) {
    this.verbosity = options.verbosity;
    this.stream = options.stream;
    this.#colour = options.colour && options.stream.isTTY === true;
  }

  fatal(text: string): void {
    this.#write("FATAL", text);
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

  debug(text: string): void {
    if (this.verbosity >= Verbosity.debug) this.#write("DEBUG", text);
  }

  /** A line without a level, at the level of information: what is copied, how far it is. */
  plain(text: string): void {
    if (this.verbosity >= Verbosity.info) this.#line(text);
  }

  #write(label: Label, text: string): void {
    const prefix = `${label}:`.padEnd(PREFIX_COLUMNS);
    this.#line(`${this.#colour ? `\u001b[${COLOURS[label]}m${prefix}\u001b[0m` : prefix} ${printable(text)}`);
  }

  #line(line: string): void {
    if (this.lineWriter === undefined) this.stream.write(`${line}\n`);
    else this.lineWriter(line);
  }
}

/** Names in images and answers of servers may hold escape sequences; none of them reaches a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (c) =>
    c === "\n" || c === "\t" ? c : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}
