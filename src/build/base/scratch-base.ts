import { FsTree } from "../../fstree/tree.ts";
import { imageTimeSec } from "../../sif/identity.ts";
import { containerFiles } from "../../singularity-d/container-files.ts";
import type { Root } from "../root.ts";
import { installContainer } from "./install-container.ts";
import type { BaseInputs, BaseOptions, BaseRoot } from "./open-base.ts";

/** Written for images of registries and the like alone. */
const IMAGE_ENVIRONMENT = ".singularity.d/env/10-docker2singularity.sh";

/** Nothing but the container's own files. */
export async function openScratchBase(
  { definition }: BaseInputs,
  { architecture, sourceDateEpoch }: BaseOptions,
): Promise<BaseRoot> {
  const timeSec = sourceDateEpoch ? imageTimeSec(undefined, sourceDateEpoch) : Math.floor(Date.now() / 1000);
  const config = { created: undefined, architecture, os: "linux", variant: undefined, diffIds: [], config: {} };
  const made = containerFiles({ config, definition, architecture, timeSec });
  const files = { ...made, entries: made.entries.filter(({ path }) => path !== IMAGE_ENVIRONMENT) };
  return {
    facts: { timeSec, identity: "scratch", architecture, ociConfigJson: undefined, origin: undefined },
    contentKey: async () => `scratch ${architecture}`,
    async fill({ contents }) {
      const root: Root = { tree: new FsTree(), texts: new Map() };
      await installContainer(root, files, { contents, mtimeSec: timeSec });
      return root;
    },
    async close() {},
  };
}
