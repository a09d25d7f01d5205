import type { ImageSource } from "../oci/image.ts";
import { parseSourceUri } from "../oci/source-uri.ts";
import { archiveLayout } from "./archive/archive-layout.ts";
import { DockerArchiveSource } from "./archive/docker-archive.ts";
import { openArchive } from "./archive/open-archive.ts";
import { daemonImageId, openDaemonImage } from "./docker-daemon.ts";
import { OciLayoutSource, openLayoutDirectory } from "./oci-layout.ts";
import type { SourceOptions } from "./options.ts";
import { RegistrySource } from "./registry/registry-source.ts";

/**
 * The source that a URI names. Nothing is contacted or read before its `resolve`.
 *
 * Throws `OciError` URI_NO_TRANSPORT, URI_TRANSPORT_UNKNOWN, REFERENCE_INVALID.
 */
export function createSource(uri: string, options: SourceOptions = {}): ImageSource {
  const parsed = parseSourceUri(uri);
  switch (parsed.transport) {
    case "docker":
      return new RegistrySource(uri, parsed.reference, options);
    case "oci":
      return new OciLayoutSource(uri, parsed.digest, () => openLayoutDirectory(uri, parsed), options);
    case "oci-archive": {
      const open = async (signal: AbortSignal) => {
        const { archive, name } = await openArchive(uri, { path: parsed.path, name: parsed.tag }, options, signal);
        return archiveLayout(archive, name);
      };
      return new OciLayoutSource(uri, parsed.digest, open, options);
    }
    case "docker-archive": {
      const location = { path: parsed.path, name: parsed.image };
      return new DockerArchiveSource(uri, (signal) => openArchive(uri, location, options, signal), options);
    }
    case "docker-daemon": {
      const open = (signal: AbortSignal) => openDaemonImage(uri, parsed.image, options, signal);
      const identify = (signal: AbortSignal) => daemonImageId(uri, parsed.image, options, signal);
      return new DockerArchiveSource(uri, open, options, identify);
    }
  }
}
