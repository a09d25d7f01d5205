import { IntegrityError, systemReason } from "../index.ts";
import { FatalError } from "./exit.ts";

/** Does something; what it ends with is a FATAL line that begins with these words, `tell` says how it goes on. */
export async function attempt<T>(
  what: string,
  act: () => T | Promise<T>,
  tell: (error: unknown) => string = reasonOf,
): Promise<T> {
  try {
    return await act();
  } catch (cause) {
    const prefix = cause instanceof IntegrityError ? "integrity: " : "";
    throw new FatalError(`${what}: ${prefix}${tell(cause)}`, { cause });
  }
}

/** An error in the words that Apptainer has for it: Go's order where the file system refuses something. */
export function reasonOf(error: unknown): string {
  const { syscall, path } = (error instanceof Error ? error : {}) as NodeJS.ErrnoException;
  const reason = systemReason(error);
  return syscall === undefined || path === undefined ? reason : `${syscall} ${path}: ${reason}`;
}
