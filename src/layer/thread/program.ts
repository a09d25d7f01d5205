import type { ErrorClass } from "./failure.ts";

/** What runs in a layer's thread; it knows how to open what the sources of the layers describe. */
export interface LayerThreadProgram {
  /** A module that calls `serveLayers`. */
  readonly file: URL;
  /** Classes of errors that come out of it, beside a layer's own. */
  readonly errors: readonly ErrorClass[];
}
