import { DEFAULT_REGISTRY } from "../../oci/reference.ts";

/** Docker Hub's registry; the host in its references only redirects people. */
const HUB_API_HOST = "registry-1.docker.io";

/** Where a registry's API is. */
export interface Endpoint {
  /** `host[:port]`, as in the reference, for messages. */
  readonly host: string;
  readonly base: URL;
}

/** @param noHttps speak plain HTTP */
export function registryEndpoint(registry: string, noHttps: boolean): Endpoint {
  const host = registry === DEFAULT_REGISTRY ? HUB_API_HOST : registry;
  return { host: registry, base: new URL(`${noHttps ? "http" : "https"}://${host}/v2/`) };
}
