import type { ImageSource } from "../oci/image.ts";
import { parseSourceUri } from "../oci/source-uri.ts";
import { SourceError } from "./errors.ts";
import { OciLayoutSource } from "./oci-layout.ts";
import type { SourceOptions } from "./options.ts";
import { RegistrySource } from "./registry/registry-source.ts";

/**
 * The source that a URI names: `docker://…`, `oci:…`. Nothing is contacted or read before its `resolve`.
 *
 * Throws `OciError` URI_NO_TRANSPORT, URI_TRANSPORT_UNKNOWN, REFERENCE_INVALID; `SourceError`
 * TRANSPORT_NOT_SUPPORTED.
 */
export function createSource(uri: string, options: SourceOptions = {}): ImageSource {
  const parsed = parseSourceUri(uri);
  switch (parsed.transport) {
    case "docker":
      return new RegistrySource(uri, parsed.reference, options);
    case "oci":
      return new OciLayoutSource(uri, parsed, options);
    case "docker-archive":
    case "oci-archive":
    case "docker-daemon":
      throw new SourceError("TRANSPORT_NOT_SUPPORTED", {
        uri,
        transport: parsed.transport,
        advice: `Copy the image to an OCI layout first (skopeo copy ${uri} oci:DIR:TAG) and name that: oci:DIR:TAG.`,
      });
  }
}
