import { type ErrorDetails, type MessageTable, SifonError } from "../errors.ts";

export type AuthErrorCode =
  | "AUTH_FILE_UNREADABLE"
  | "AUTH_FILE_INVALID"
  | "AUTH_FILE_UNWRITABLE"
  | "CREDENTIAL_HELPER_FAILED";

const MESSAGES: MessageTable<AuthErrorCode> = {
  AUTH_FILE_UNREADABLE: (d) =>
    `Cannot read the credentials file ${JSON.stringify(d.path)}: ${d.problem}. Make it readable, or name another.`,
  AUTH_FILE_INVALID: (d) =>
    `Cannot read the credentials file ${JSON.stringify(d.path)}: ${d.problem}. Correct it, or name another.`,
  AUTH_FILE_UNWRITABLE: (d) =>
    `Cannot write the credentials file ${JSON.stringify(d.path)}: ${d.problem}. Make its directory writable, or name another file.`,
  CREDENTIAL_HELPER_FAILED: (d) =>
    `Cannot ask the credential helper ${d.helper} for ${d.server}: ${d.problem}. Install it or correct it, or take it out of ${JSON.stringify(d.path)}.`,
};

/** Credentials that cannot be read, stored or asked for. No message and no detail holds a secret. */
export class AuthError extends SifonError {
  declare readonly code: AuthErrorCode;

  constructor(code: AuthErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
