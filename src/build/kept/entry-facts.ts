import { readOrigin } from "../../singularity-d/build-record.ts";
import type { RootFacts } from "../root.ts";

/** What the cache keeps of a root beside its files. */
export interface EntryFacts {
  readonly root: RootFacts;
  /** Of the definition that it was made for, whose text is in it. */
  readonly definitionText: string;
}

/** Facts as JSON can hold them. */
export function formatEntryFacts({ root, definitionText }: EntryFacts): unknown {
  const { timeSec, identity, architecture, ociConfigJson, origin = null } = root;
  const config = ociConfigJson === undefined ? null : Buffer.from(ociConfigJson).toString("base64");
  return { timeSec, identity, architecture, config, origin, definitionText };
}

/** @throws Error where they are none */
export function parseEntryFacts(json: unknown): EntryFacts {
  const { timeSec, identity, architecture, config, definitionText } = (json ?? {}) as Record<string, unknown>;
  const isConfig = config === null || typeof config === "string";
  if (
    typeof timeSec !== "number" ||
    typeof identity !== "string" ||
    typeof architecture !== "string" ||
    typeof definitionText !== "string" ||
    !isConfig
  ) {
    throw new Error("it does not say what it is of");
  }
  const ociConfigJson = config === null ? undefined : Buffer.from(config, "base64");
  const origin = readOrigin((json as { readonly origin?: unknown }).origin);
  return { root: { timeSec, identity, architecture, ociConfigJson, origin }, definitionText };
}
