import type { StageBase } from "../../deffile/agents.ts";
import { ownByRoot } from "../../fstree/adjust.ts";
import { type LocalImage, openLocalImage } from "../../image/local-image.ts";
import { imageArchitecture } from "../../sandbox/image-architecture.ts";
import { archName, SifArch } from "../../sif/architecture.ts";
import { formatUuid } from "../../sif/identity.ts";
import { collectTexts } from "../collect-texts.ts";
import { accessDigest, ContentDigests } from "../kept/content-digests.ts";
import { formerOrigin, localTimeSec, readLocalTree } from "../local-container.ts";
import { localDescription } from "../local-description.ts";
import type { Root } from "../root.ts";
import { verifyLocalImage } from "../verify-local-image.ts";
import { installContainer } from "./install-container.ts";
import type { BaseInputs, BaseOptions, BaseRoot } from "./open-base.ts";

/** A SIF, a SquashFS file or a sandbox on this machine. Compressed blocks are taken over where the target can. */
export async function openLocalBase(
  { path, fingerprints }: Extract<StageBase, { readonly kind: "local" }>,
  { definition }: BaseInputs,
  options: BaseOptions,
): Promise<BaseRoot> {
  const { sourceDateEpoch, architecture: hostArchitecture } = options;
  const image = await openLocalImage(path);
  try {
    await verifyLocalImage(image, fingerprints, options);
    const timeSec = localTimeSec(image, sourceDateEpoch);
    const arch = image.kind === "sandbox" ? SifArch.unknown : await imageArchitecture(image);
    const architecture = arch === SifArch.unknown ? hostArchitecture : archName(arch);
    const { files, keeps } = await localDescription(image, { definition, architecture, timeSec });
    const ociConfigJson = image.kind === "sandbox" ? undefined : image.ociConfigJson;
    return {
      facts: { timeSec, identity: identityOf(image), architecture, ociConfigJson, origin: await formerOrigin(image) },
      contentKey: (signal) => contentKey(image, signal),
      async fill(target) {
        target.onProgress({ kind: "step", message: "Extracting local image..." });
        const tree = await readLocalTree(image, target);
        // A user's sandbox has the user's files, whoever owned them in the image: as Apptainer, root owns them.
        if (image.kind === "sandbox" && process.geteuid?.() !== 0) ownByRoot(tree.inodes);
        const root: Root = { tree, texts: await collectTexts(tree, (inside) => image.read(inside)) };
        await installContainer(root, files, { contents: target.contents, mtimeSec: timeSec, keeps });
        return root;
      },
      close: () => image.close(),
    };
  } catch (error) {
    await image.close();
    throw error;
  }
}

async function contentKey(image: LocalImage, signal: AbortSignal): Promise<string> {
  if (image.kind !== "sandbox") return `file ${await accessDigest(image.access, signal)}`;
  const digests = new ContentDigests();
  const tree = await readLocalTree(image, { contents: digests.contents, signal, onProgress() {} });
  return `sandbox ${digests.ofTree(tree)}`;
}

function identityOf(image: LocalImage): string {
  if (image.kind === "sandbox") return `${image.path} ${Date.now()}`;
  return image.sif === undefined ? JSON.stringify(image.squashfs.header) : formatUuid(image.sif.header.uuid);
}
