import type { Digest } from "../../oci/digest.ts";
import { LayerError } from "../errors.ts";
import type { Failure, PlainError } from "./messages.ts";

/** Stands for the error with which the source has failed, in the thread that does not have it. */
export class SourceFailure extends Error {}

/** An error as it can be sent to the other thread. */
export function toFailure(error: unknown): Failure {
  if (error instanceof SourceFailure) return { kind: "source" };
  if (!(error instanceof LayerError)) return { kind: "other", cause: plain(error) };
  const { cause, ...details } = error.details;
  return { kind: "layer", code: error.code, details, cause: cause === undefined ? undefined : plain(cause) };
}

/** The error that was sent; the source's own is not among these. */
export function fromFailure(failure: Exclude<Failure, { kind: "source" }>, digest: Digest): LayerError {
  const cause = failure.cause === undefined ? undefined : native(failure.cause);
  if (failure.kind === "layer")
    return new LayerError(failure.code, cause === undefined ? failure.details : { ...failure.details, cause });
  return new LayerError("LAYER_THREAD_FAILED", { digest, reason: failure.cause.message, cause });
}

function plain(error: unknown): PlainError {
  if (!(error instanceof Error)) return { message: String(error), code: undefined };
  const { code } = error as NodeJS.ErrnoException;
  return { message: error.message, code: typeof code === "string" ? code : undefined };
}

function native({ message, code }: PlainError): Error {
  const error = new Error(message);
  return code === undefined ? error : Object.assign(error, { code });
}
