import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** Why a container cannot be run as it was asked for. */
export type RuntimeErrorCode =
  /** A script of the image uses what only a shell understands, and the image has none. */
  | "SCRIPT_UNSUPPORTED"
  /** A file of `--env-file` cannot be read or evaluated. */
  | "ENV_FILE_INVALID"
  /** `--bind`, `--mount` or another option has a value that is none. */
  | "OPTION_INVALID"
  /** A file of the image is larger than any script. */
  | "SCRIPT_TOO_LARGE";

const MESSAGES: MessageTable<RuntimeErrorCode> = {
  SCRIPT_UNSUPPORTED: (d) =>
    `Cannot evaluate ${d.file}, line ${d.line}: it uses ${d.what}, for which a shell is needed, and the image has no /bin/sh. ${
      d.isGiven === true
        ? "Put a backslash before what is not to be evaluated, or take an image with a shell."
        : "Put a shell into the image, or keep its scripts to assignments and tests."
    }`,
  ENV_FILE_INVALID: (d) => `while setting environment: while processing ${d.path}: ${d.problem}`,
  OPTION_INVALID: (d) => `${d.problem}`,
  SCRIPT_TOO_LARGE: (d) => `Cannot evaluate ${d.file}: it is ${d.seen} bytes, limit ${d.limit}.`,
};

/** A container that cannot be run with these options, or with this image. */
export class RuntimeError extends SifonError {
  declare readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
