import { SifonError } from "../runtime.ts";

/** Whether a change in place could not be taken back: of a run that is stopped, too, that is what has to be told. */
export function isUndoFailure(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (at instanceof SifonError && at.code === "EDIT_NOT_UNDONE") return true;
  }
  return false;
}
