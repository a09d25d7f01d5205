import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type BytesErrorCode = "UNEXPECTED_END";

const MESSAGES: MessageTable<BytesErrorCode> = {
  UNEXPECTED_END: (d) =>
    `Cannot read ${d.name} past byte ${d.offset}: it ends there, but ${d.needed} more bytes belong to it. It is cut short; fetch it again.`,
};

/** A stream of bytes that does not hold what its own contents promise. */
export class BytesError extends SifonError {
  declare readonly code: BytesErrorCode;

  constructor(code: BytesErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
