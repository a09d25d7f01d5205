import type { LayerThreadProgram } from "../../layer/thread/program.ts";
import { SourceError } from "../errors.ts";

/** The threads that read layers: what sources describe, they open by themselves. */
export const LAYER_THREAD: LayerThreadProgram = {
  // Node 20 starts no .ts worker; src/ and dist/ lie at equal depth, so this address serves both.
  file: new URL("../../../dist/source/thread/worker.js", import.meta.url),
  errors: [SourceError],
};
