import { containerFiles } from "../../singularity-d/container-files.ts";
import { createSource } from "../../source/open-source.ts";
import { findImage, mergeImage, originOf } from "../oci-image.ts";
import type { Root } from "../root.ts";
import { isTextPath } from "../text-paths.ts";
import { installContainer } from "./install-container.ts";
import type { BaseInputs, BaseOptions, BaseRoot } from "./open-base.ts";

/** An image of a registry, a daemon, an archive or a layout, by its URI; its layers are read as the root is. */
export async function openImageBase(
  uri: string,
  { definition, preferCmd }: BaseInputs,
  options: BaseOptions,
): Promise<BaseRoot> {
  const { onProgress, memory } = options;
  const source = createSource(uri, options.source);
  try {
    onProgress({ kind: "step", message: "Fetching OCI image..." });
    const { image, timeSec } = await findImage(source, options);
    const { architecture } = image.platform;
    const sourceDigest = image.manifestDigest;
    const files = containerFiles({ config: image.config, definition, architecture, timeSec, sourceDigest, preferCmd });
    const ociConfigJson = Buffer.from(files.ociConfigJson);
    return {
      facts: { timeSec, identity: image.configDescriptor.digest, architecture, ociConfigJson, origin: originOf(image) },
      contentKey: async () => `image ${sourceDigest} ${image.configDescriptor.digest}`,
      async fill(target) {
        target.onProgress({ kind: "step", message: "Extracting OCI image..." });
        const { tree, captured } = await mergeImage(image, target, { timeSec, memory, capture: isTextPath });
        const root: Root = { tree, texts: new Map(captured) };
        target.onProgress({ kind: "step", message: "Inserting Apptainer configuration..." });
        await installContainer(root, files, { contents: target.contents, mtimeSec: timeSec });
        return root;
      },
      close: () => source.close(),
    };
  } catch (error) {
    await source.close();
    throw error;
  }
}
