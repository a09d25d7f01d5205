import { getSystemErrorMap } from "node:util";

/**
 * Why the system refused, in its words without code, call and path, which may be those of a temporary file:
 * `permission denied`. What is no refusal of the system has its own message.
 */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error ?? "unknown");
  const { errno = 0, code, message }: NodeJS.ErrnoException = error;
  // libuv has words of its own for this one; those of strerror(3) are known.
  if (code === "EISDIR") return "is a directory";
  return getSystemErrorMap().get(errno)?.[1] ?? message;
}
