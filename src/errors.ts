import { printable } from "./bytes/printable.ts";

/** Values that an error names: path, offset, digest, seen, limit … Never a secret or a signed URL. */
export interface ErrorDetails {
  readonly [field: string]: unknown;
  readonly cause?: unknown;
}

/** One sentence per code: what failed, which input, where, what was seen, what was allowed, what to do. */
export type MessageTable<Code extends string> = Readonly<Record<Code, (details: ErrorDetails) => string>>;

/**
 * Base of all errors that Sifon throws on purpose. Callers branch on `code`, which is stable; the
 * message is for people, one line that no terminal obeys. Each area has its subclass beside its code (`src/<area>/errors.ts`), with a
 * closed set of codes and a table of messages.
 */
export class SifonError extends Error {
  /** Closed per subclass, upper snake case: `BLOB_DIGEST_MISMATCH`. */
  readonly code: string;
  /** The data behind the message. */
  readonly details: ErrorDetails;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(printable(message), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

/** A rule of ours was broken by our own code: always a defect of Sifon, never of the input. */
export class InternalError extends SifonError {
  constructor(what: string, details: ErrorDetails = {}) {
    super("INTERNAL", `Internal error: ${what}. This is a defect of Sifon; please report it.`, details);
  }
}
