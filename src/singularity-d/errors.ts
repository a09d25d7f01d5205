import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type SingularityDErrorCode = "CONFIG_FIELD_INVALID" | "NOT_A_DIRECTORY" | "IS_A_DIRECTORY";

const MESSAGES: MessageTable<SingularityDErrorCode> = {
  CONFIG_FIELD_INVALID: (d) =>
    `Cannot use the image config: its member "${d.field}" is ${d.seen}, where ${d.expected} belongs. The image was built wrongly; its builder must be corrected.`,
  NOT_A_DIRECTORY: (d) =>
    `Cannot add the container's files: the image has ${d.seen} at "/${d.path}", where a directory is needed. Such an image cannot run as a SIF.`,
  IS_A_DIRECTORY: (d) =>
    `Cannot add the container's files: the image has a directory at "/${d.path}", where a file is needed. Such an image cannot run as a SIF.`,
};

/** An image that cannot be given the files of a SIF container. */
export class SingularityDError extends SifonError {
  declare readonly code: SingularityDErrorCode;

  constructor(code: SingularityDErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
