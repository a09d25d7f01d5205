import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type EncoderErrorCode = "WORKER_FAILED" | "ENCODER_CLOSED";

const MESSAGES: MessageTable<EncoderErrorCode> = {
  WORKER_FAILED: (d) =>
    `A compression thread ended: ${d.cause instanceof Error ? d.cause.message : `exit code ${d.exitCode}`}. If memory is short, use fewer processors; otherwise please report it.`,
  ENCODER_CLOSED: () => "The compression was stopped before it was complete.",
};

/** Blocks that could not be encoded. */
export class EncoderError extends SifonError {
  declare readonly code: EncoderErrorCode;

  constructor(code: EncoderErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
