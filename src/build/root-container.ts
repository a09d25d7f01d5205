import { createHash } from "node:crypto";
import { deriveUuid } from "../sif/identity.ts";
import { adjustTree, type TreeTuning } from "./adjust-tree.ts";
import type { ContainerSource } from "./container-source.ts";
import type { RootSource } from "./root.ts";
import { rootMetadata } from "./root-metadata.ts";

/** The container that a stage's root is, complete; its UUID follows from the base and the definition. */
export function rootContainer(
  source: RootSource,
  { definitionText, ...tuning }: TreeTuning & { readonly definitionText: string },
): ContainerSource {
  const { timeSec, identity, ociConfigJson } = source.facts;
  return {
    timeSec,
    uuid: deriveUuid(createHash("sha256").update(`${identity}\n${definitionText}`).digest("hex")),
    arch: 0,
    definitionText,
    ociConfigJson,
    // What files the base and %post bring is known when all are there: the metadata come last in the file.
    foreseenMetadata: "{}",
    compressed: undefined,
    addsFiles: true,
    async fill(target) {
      const root = await source.fill(target);
      adjustTree(root.tree, tuning, timeSec);
      const metadata = (size: number): string => {
        const text = rootMetadata(root);
        return text + " ".repeat(Math.max(0, size - Buffer.byteLength(text)));
      };
      return { tree: root.tree, layers: [], metadata };
    },
  };
}
