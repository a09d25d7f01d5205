import type { StageBase } from "../../deffile/agents.ts";
import type { DefinitionFile, Stage } from "../../deffile/definition.ts";
import type { Definition } from "../../singularity-d/definition-text.ts";
import type { SourceOptions } from "../../source/options.ts";
import type { RootSource } from "../root.ts";
import type { StageOptions } from "../stage.ts";
import type { BaseTrust } from "../verify-local-image.ts";
import { openImageBase } from "./image-base.ts";
import { openLocalBase } from "./local-base.ts";
import { openScratchBase } from "./scratch-base.ts";

/** What bases need to know beside the header. */
export interface BaseOptions extends Pick<StageOptions, "signal" | "onProgress">, BaseTrust {
  /** How image sources are opened. */
  readonly source: SourceOptions;
  /** Seconds since 1970 as text: image time in place of the base's own. */
  readonly sourceDateEpoch: string | undefined;
  /** GOARCH name for what has none of its own. */
  readonly architecture: string;
  /** Bytes that the process may have resident. */
  readonly memory: number | undefined;
}

/** What a base says of the container: the definition, and whether its CMD comes before its ENTRYPOINT. */
export interface BaseInputs {
  readonly definition: Definition;
  readonly preferCmd: boolean;
}

/** A base that was found. */
export interface BaseRoot extends RootSource {
  /** Equal where the base's files are, as they are now; looks at all of them where nothing less tells. */
  contentKey(signal: AbortSignal): Promise<string>;
}

/**
 * Finds what a stage is built upon; its root is that of the base with the container's own files.
 * @throws what the source or the reader of the image throws; BuildError BASE_UNVERIFIED, BASE_UNSIGNED
 */
export function openBase(
  base: StageBase,
  { definition, stage }: { readonly definition: DefinitionFile; readonly stage: Stage },
  options: BaseOptions,
): Promise<BaseRoot> {
  const inputs: BaseInputs = {
    definition: {
      text: definition.text,
      keywords: [...stage.header].map(([keyword, { value }]) => [keyword, value]),
    },
    // The manual: any value that is not empty, be it "no".
    preferCmd: (stage.header.get("includecmd")?.value ?? "") !== "",
  };
  const fingerprints = stage.header.get("fingerprints");
  if (fingerprints !== undefined && fingerprints.value !== "" && base.kind !== "local") {
    // As Apptainer, which does not say so.
    const message = `${definition.name}:${fingerprints.line}: Fingerprints are of SIF files; nothing is checked with them for Bootstrap: ${stage.header.get("bootstrap")?.value}. Leave the line out, or build upon a signed SIF file (Bootstrap: localimage).`;
    options.onProgress({ kind: "warning", message });
  }
  switch (base.kind) {
    case "image":
      return openImageBase(base.uri, inputs, options);
    case "local":
      return openLocalBase(base, inputs, options);
    case "scratch":
      return openScratchBase(inputs, options);
  }
}
