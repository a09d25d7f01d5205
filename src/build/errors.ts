import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

/** Why a definition cannot be built. */
export type BuildErrorCode = "SCRIPTS_UNSUPPORTED";

const list = (value: unknown): string => (Array.isArray(value) ? value.join(", ") : String(value));

const MESSAGES: MessageTable<BuildErrorCode> = {
  SCRIPTS_UNSUPPORTED: (d) =>
    `Cannot build "${d.name}": its sections ${list(d.sections)} run programs, which Sifon does not do yet. Leave them out, or build with Apptainer.`,
};

/** A definition that cannot be built. `details`: `name` of the definition, what the code's message tells. */
export class BuildError extends SifonError {
  declare readonly code: BuildErrorCode;

  constructor(code: BuildErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
