import type { Dispatcher } from "undici";
import type { Environment } from "../bytes/environment.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { openArchiveHandle } from "./archive/archive-file.ts";
import type { OpenedArchive } from "./archive/open-archive.ts";
import { spoolStream } from "./archive/spool.ts";
import { daemonTls } from "./daemon-tls.ts";
import { SourceError } from "./errors.ts";
import { loadHttp } from "./http-library.ts";
import { DEFAULT_TIMEOUTS, type SourceOptions } from "./options.ts";

const DEFAULT_DOCKER_HOST = "unix:///var/run/docker.sock";
/** A daemon packs all layers before it sends the first byte; large images take minutes. */
const EXPORT_TIMEOUT_MS = 30 * 60_000;

/**
 * Has the daemon export an image (Docker Engine API, `GET /images/{name}/get`) and spools what it sends: a
 * `docker save` archive, which comes but once.
 *
 * Throws `SourceError` DAEMON_UNREACHABLE, DAEMON_IMAGE_UNKNOWN, DAEMON_FAILED, DAEMON_HOST_INVALID,
 * DAEMON_CERTIFICATES_INVALID.
 */
export async function openDaemonImage(
  uri: string,
  image: string,
  options: SourceOptions,
  signal: AbortSignal,
): Promise<OpenedArchive> {
  const { spoolDirectory: directory, onProgress } = options;
  return askDaemon(uri, image, "get", options, signal, async (answer, dockerHost) => {
    const what = `the image from the Docker daemon at ${dockerHost}, whose order demands it`;
    const file = await spoolStream(answer.body, { what, directory, onProgress, signal }).catch((cause: Error) => {
      signal.throwIfAborted();
      if (cause instanceof SourceError) throw cause;
      throw new SourceError("DAEMON_FAILED", {
        uri,
        dockerHost,
        problem: `the connection was lost: ${cause.message}`,
        cause,
      });
    });
    return { archive: await openArchiveHandle(file, uri, signal), name: undefined };
  });
}

/** An inspection has the image's config and history; the largest seen are some hundred KB. */
const MAX_INSPECTION_SIZE = 8 * 1024 * 1024;

/**
 * The id that an image has in the daemon (`GET /images/{name}/json`): the digest of its config, or of its
 * manifest where the daemon keeps its images in containerd. Nothing is packed up for it.
 *
 * Throws the errors of {@link openDaemonImage}.
 */
export async function daemonImageId(
  uri: string,
  image: string,
  options: SourceOptions,
  signal: AbortSignal,
): Promise<Digest> {
  return askDaemon(uri, image, "json", options, signal, async ({ body }, dockerHost) => {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_INSPECTION_SIZE) break;
      chunks.push(chunk);
    }
    const id = /"Id"\s*:\s*"([^"]*)"/.exec(Buffer.concat(chunks).toString("utf8"))?.[1] ?? "";
    if (isDigest(id)) return id;
    throw new SourceError("DAEMON_FAILED", { uri, image, dockerHost, problem: "its answer has no image id" });
  });
}

/** Asks the daemon something of an image, and lets its answer be used while the connection stands. */
async function askDaemon<T>(
  uri: string,
  image: string,
  what: "get" | "json",
  options: SourceOptions,
  signal: AbortSignal,
  use: (answer: Dispatcher.ResponseData, dockerHost: string) => Promise<T>,
): Promise<T> {
  const { env = process.env } = options;
  const dockerHost = options.dockerHost || env.DOCKER_HOST || DEFAULT_DOCKER_HOST;
  const { origin, dispatcher } = await connectDaemon(dockerHost, options, env, signal);
  try {
    const path = `/images/${encodeURIComponent(image)}/${what}`;
    const answer = await dispatcher.request({ origin, path, method: "GET", signal }).catch((cause: Error) => {
      signal.throwIfAborted();
      throw new SourceError("DAEMON_UNREACHABLE", { dockerHost, problem: cause.message, cause });
    });
    if (answer.statusCode !== 200) throw await daemonRefusal(answer, uri, image, dockerHost);
    return await use(answer, dockerHost);
  } finally {
    await dispatcher.destroy();
  }
}

async function connectDaemon(
  dockerHost: string,
  { timeouts }: SourceOptions,
  env: Environment,
  signal: AbortSignal,
): Promise<{ origin: string; dispatcher: Dispatcher }> {
  const { Agent } = await loadHttp();
  const { connectMs } = { ...DEFAULT_TIMEOUTS, ...timeouts };
  const common = { headersTimeout: EXPORT_TIMEOUT_MS, bodyTimeout: EXPORT_TIMEOUT_MS };
  const [, scheme = "", rest = ""] = /^(\w+):\/\/(.*)$/.exec(dockerHost) ?? [];
  if (scheme === "unix") {
    return {
      origin: "http://localhost",
      dispatcher: new Agent({ ...common, connect: { socketPath: rest, timeout: connectMs } }),
    };
  }
  const tls = await daemonTls(env, signal);
  const schemes: Readonly<Record<string, string>> = {
    tcp: tls === undefined ? "http" : "https",
    http: "http",
    https: "https",
  };
  const protocol = Object.hasOwn(schemes, scheme) ? schemes[scheme] : undefined;
  if (protocol === undefined || !URL.canParse(`${protocol}://${rest}`)) {
    throw new SourceError("DAEMON_HOST_INVALID", { dockerHost });
  }
  return {
    origin: new URL(`${protocol}://${rest}`).origin,
    dispatcher: new Agent({ ...common, connect: { timeout: connectMs, ...tls } }),
  };
}

async function daemonRefusal(
  answer: Dispatcher.ResponseData,
  uri: string,
  image: string,
  dockerHost: string,
): Promise<SourceError> {
  const text = await answer.body.text().catch(() => "");
  const said = /"message"\s*:\s*"([^"]{0,300})/.exec(text)?.[1] ?? `status ${answer.statusCode}`;
  const problem = said.replace(/\s+/g, " ");
  return new SourceError(answer.statusCode === 404 ? "DAEMON_IMAGE_UNKNOWN" : "DAEMON_FAILED", {
    uri,
    image,
    dockerHost,
    problem,
  });
}
