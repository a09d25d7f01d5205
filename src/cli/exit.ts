/** Exit codes as Apptainer's: 255 for every FATAL, 1 for a wrong call, else the program's own. */
export const ExitCode = { ok: 0, usage: 1, fatal: 255 } as const;

/** The command line itself is wrong: told with the command's usage, exit code 1. */
export class UsageError extends Error {
  readonly command: string;

  constructor(command: string, message: string) {
    super(message);
    this.name = "UsageError";
    this.command = command;
  }
}

/** A refusal that needs no stack and no cause: told as one FATAL line, exit code 255. */
export class FatalError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "FatalError";
  }
}
