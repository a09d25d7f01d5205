/** Exit codes as Apptainer's: 255 for every FATAL, 1 for a wrong call, two of its key commands, else the program's own. */
export const ExitCode = { ok: 0, usage: 1, keyImport: 2, keyExport: 10, fatal: 255 } as const;

/** The command line itself is wrong: told with the command's usage, exit code 1. */
export class UsageError extends Error {
  /** As typed, a command below another behind it: `sif list`. */
  readonly command: string;
  /** Told with one line of usage instead of all options. */
  readonly brief: boolean;

  constructor(command: string, message: string, options: ErrorOptions & { readonly brief?: boolean } = {}) {
    super(message, options);
    this.name = "UsageError";
    this.command = command;
    this.brief = options.brief ?? false;
  }
}

/** Ends a run that has said all it has to say. */
export class ExitStatus extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exit code ${code}`);
    this.name = "ExitStatus";
    this.code = code;
  }
}

/** The program of a container was ended by a signal: this process is to end by it, too, as shells look at how it did. */
export class EndedBySignal extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(`ended by ${signal}`);
    this.name = "EndedBySignal";
    this.signal = signal;
  }
}

/** A refusal that needs no stack and no cause: told as one FATAL line, exit code 255. */
export class FatalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "FatalError";
  }
}

/** A refusal by a command that has an exit code of its own in Apptainer, which then says ERROR instead of FATAL. */
export class CommandError extends FatalError {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.name = "CommandError";
    this.exitCode = exitCode;
  }
}
