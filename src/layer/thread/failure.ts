import { type ErrorDetails, SifonError } from "../../errors.ts";
import type { Digest } from "../../oci/digest.ts";
import { TarError } from "../../tar/errors.ts";
import { LayerError } from "../errors.ts";

/** An error on its way between threads. */
export type Failure =
  /** The source's own, which the other side has. */
  | { readonly kind: "source" }
  | {
      readonly kind: "sifon";
      /** Of the class. */
      readonly name: string;
      readonly code: string;
      readonly message: string;
      readonly details: Readonly<Record<string, unknown>>;
      readonly cause: PlainError | undefined;
    }
  | { readonly kind: "other"; readonly cause: PlainError };

/** What of a native error counts; its own properties do not survive being copied to another thread. */
interface PlainError {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly cause: PlainError | undefined;
}

/** A class of Sifon's errors, found again by its name in the other thread. */
export type ErrorClass = new (code: never, details: ErrorDetails) => SifonError;

/** Stands for the error with which the source has failed, in the thread that does not have it. */
export class SourceFailure extends Error {}

/** Errors inside errors that are kept. */
const MAX_CAUSE_DEPTH = 5;

/** An error as it can be sent to the other thread. */
export function toFailure(error: unknown): Failure {
  if (error instanceof SourceFailure) return { kind: "source" };
  if (!(error instanceof SifonError)) return { kind: "other", cause: plain(error) };
  const { name, code, message } = error;
  const { cause, ...details } = error.details;
  return { kind: "sifon", name, code, message, details, cause: cause === undefined ? undefined : plain(cause) };
}

/** The error that was sent, in this thread's classes; the source's own is not among these. */
export function fromFailure(failure: Exclude<Failure, { kind: "source" }>, classes: readonly ErrorClass[]): Error {
  const cause = failure.cause === undefined ? undefined : native(failure.cause);
  if (failure.kind === "other") return cause as Error;
  const { name, code, message } = failure;
  const details = cause === undefined ? failure.details : { ...failure.details, cause };
  const own = [LayerError as ErrorClass, TarError as ErrorClass, ...classes].find((one) => one.name === name);
  return own === undefined
    ? Object.assign(new SifonError(code, message, details), { name })
    : new own(code as never, details);
}

/** What a thread has failed with, for who reads the layer. */
export function layerFailure(
  failure: Exclude<Failure, { kind: "source" }>,
  classes: readonly ErrorClass[],
  digest: Digest,
): Error {
  const error = fromFailure(failure, classes);
  return error instanceof SifonError
    ? error
    : new LayerError("LAYER_THREAD_FAILED", { digest, reason: error.message, cause: error });
}

function plain(error: unknown, depth = 1): PlainError {
  if (!(error instanceof Error)) return { name: "Error", message: String(error), code: undefined, cause: undefined };
  const { name, message, code, cause } = error as NodeJS.ErrnoException;
  const inner = cause === undefined || depth === MAX_CAUSE_DEPTH ? undefined : plain(cause, depth + 1);
  return { name, message, code: typeof code === "string" ? code : undefined, cause: inner };
}

function native({ name, message, code, cause }: PlainError): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: native(cause) });
  return Object.assign(error, { name }, code === undefined ? {} : { code });
}
