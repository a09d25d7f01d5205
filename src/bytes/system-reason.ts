import { getSystemErrorMap } from "node:util";

/** Why the system refused, in its words without code, call and path: `permission denied`. */
export function systemReason(error: unknown): string {
  const { errno = 0, message } = error as NodeJS.ErrnoException;
  return getSystemErrorMap().get(errno)?.[1] ?? message;
}
