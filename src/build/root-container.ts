import { createHash } from "node:crypto";
import { countTree } from "../fstree/count.ts";
import { deriveUuid } from "../sif/identity.ts";
import { withBuildRecord } from "../singularity-d/build-record.ts";
import { VERSION } from "../version.ts";
import { adjustTree, type TreeTuning } from "./adjust-tree.ts";
import type { ContainerSource } from "./container-source.ts";
import type { RootSource } from "./root.ts";
import { rootMetadata } from "./root-metadata.ts";

/** Bytes of metadata beside those of the definition: what an image's own environment, labels and runscript mostly take. */
const USUAL_METADATA = 8 << 10;

/** The container that a stage's root is, complete; its UUID follows from the base and the definition. */
export function rootContainer(
  source: RootSource,
  { definitionText, ...tuning }: TreeTuning & { readonly definitionText: string },
): ContainerSource {
  const { timeSec, identity, ociConfigJson, origin = { layers: [] } } = source.facts;
  return {
    timeSec,
    uuid: deriveUuid(createHash("sha256").update(`${identity}\n${definitionText}`).digest("hex")),
    arch: 0,
    definitionText,
    ociConfigJson,
    // What files the base and %post bring is known when all are there. A definition's texts come twice, as its own and
    // as what its sections write; where that is too little room, the metadata come last in the file.
    foreseenMetadata: `{}${" ".repeat(USUAL_METADATA + textSize(origin) + 2 * textSize(definitionText))}`,
    compressed: undefined,
    addsFiles: true,
    async fill(target) {
      const root = await source.fill(target);
      adjustTree(root.tree, tuning, timeSec);
      const metadata = async (size: number): Promise<string> => {
        const record = { version: VERSION, ...origin, counts: countTree(root.tree) };
        return withBuildRecord(await rootMetadata(root), record, size);
      };
      return { tree: root.tree, layers: [], metadata };
    },
  };
}

const textSize = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
