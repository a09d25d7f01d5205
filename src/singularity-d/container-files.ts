import type { ByteString } from "../bytes/byte-string.ts";
import type { ImageConfig } from "../oci/config.ts";
import { ACTION_SCRIPTS } from "./action-scripts.ts";
import { readContainerConfig } from "./container-config.ts";
import type { Definition } from "./definition-text.ts";
import { ENV_SCRIPTS, START_SCRIPT } from "./env-scripts.ts";
import { imageEnvScript } from "./image-env-script.ts";
import { containerLabels, labelsJson } from "./labels.ts";
import { imageRunscript } from "./runscript.ts";

/** A file that the container needs, by its path relative to the root. */
export interface ContainerFile {
  readonly path: ByteString;
  readonly mode: number;
  readonly content: Uint8Array;
}

/** Everything that is added to an image's files, and what the SIF says beside its partition. */
export interface ContainerFiles {
  readonly entries: readonly ContainerFile[];
  /** Object 1 of the SIF. */
  readonly definitionText: string;
  /** Object 3 of the SIF, `oci-config.json`. */
  readonly ociConfigJson: string;
}

/** What the container's files are made of. */
export interface ContainerSources {
  readonly config: ImageConfig;
  readonly definition: Definition;
  /** GOARCH name that was asked for. */
  readonly architecture: string;
  /** Build time that the labels tell, Unix seconds. */
  readonly timeSec: number;
  /** Digest of the image's manifest. */
  readonly sourceDigest?: string;
  /** IncludeCmd of a definition: CMD instead of ENTRYPOINT. */
  readonly preferCmd?: boolean;
}

const EXECUTABLE = 0o755;
const PLAIN = 0o644;

/**
 * All files that a container of this image gets, in the order of their paths.
 * @throws SingularityDError CONFIG_FIELD_INVALID
 */
export function containerFiles(sources: ContainerSources): ContainerFiles {
  const { config, definition, preferCmd = false } = sources;
  const { env, entrypoint, cmd, labels: imageLabels, ociConfigJson } = readContainerConfig(config.config);
  const labels = containerLabels({ ...sources, imageLabels, keywords: definition.keywords });
  const envScripts = { ...ENV_SCRIPTS, "10-docker2singularity.sh": imageEnvScript(env) };
  const entries = [
    // The runtime mounts its own over these; what the build machine had must not shine through.
    file("etc/hosts", PLAIN, ""),
    file("etc/resolv.conf", PLAIN, ""),
    ...Object.entries(ACTION_SCRIPTS).map(([name, text]) => file(`.singularity.d/actions/${name}`, EXECUTABLE, text)),
    ...Object.entries(envScripts).map(([name, text]) => file(`.singularity.d/env/${name}`, EXECUTABLE, text)),
    file(".singularity.d/Singularity", PLAIN, definition.text),
    file(".singularity.d/labels.json", PLAIN, labelsJson(labels)),
    file(".singularity.d/runscript", EXECUTABLE, imageRunscript({ entrypoint, cmd, preferCmd })),
    file(".singularity.d/startscript", EXECUTABLE, START_SCRIPT),
  ];
  entries.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { entries, definitionText: definition.text, ociConfigJson };
}

function file(path: ByteString, mode: number, text: string): ContainerFile {
  return { path, mode, content: Buffer.from(text, "utf8") };
}
