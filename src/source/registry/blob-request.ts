import { LayerError } from "../../layer/errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { isForeignLayer } from "../../oci/media-types.ts";
import { SourceError } from "../errors.ts";
import { type Answer, dropBody, headerOf } from "./body.ts";
import type { RegistryClient } from "./registry-client.ts";

export interface BlobRequest {
  readonly descriptor: Descriptor;
  /** The first byte that is wanted. */
  readonly offset: number;
  /** False after a server answered a range with the wrong one: then the whole blob is asked for again. */
  readonly useRange: boolean;
  readonly what: string;
  readonly signal: AbortSignal;
}

/** A body, and how many of its bytes come before the wanted ones. */
export interface OpenedBlob {
  readonly body: Answer["body"];
  readonly skip: number;
}

/**
 * One try to open a blob from a byte on (RFC 9110 §14, single ranges). A server may ignore the range and
 * send everything; what it declares is checked against the descriptor. A foreign layer that the registry
 * does not keep is taken from its `urls`.
 */
export async function openBlob(client: RegistryClient, request: BlobRequest): Promise<OpenedBlob> {
  const { descriptor, offset, useRange } = request;
  const { digest, size, urls = [], mediaType } = descriptor;
  const ranged = offset > 0 && useRange;
  const send = (target: string | URL) =>
    client.attempt({
      method: "GET",
      target,
      // A proxy that compresses on the way would change bytes and sizes.
      headers: { "accept-encoding": "identity", ...(ranged ? { range: `bytes=${offset}-` } : {}) },
      what: request.what,
      missing: "BLOB_UNKNOWN",
      signal: request.signal,
      ...(offset === 0 ? {} : { offset, size }),
    });
  const targets = isForeignLayer(mediaType) ? urls.filter(isWebAddress).map((url) => new URL(url)) : [];
  let answer = await send(`blobs/${digest}`).catch((error: unknown) => {
    if (targets.length > 0 && error instanceof SourceError && error.code === "BLOB_UNKNOWN") return undefined;
    throw error;
  });
  while (answer === undefined) answer = await sendToNext(targets, send);
  if (answer.status === 206) return checkRange(answer, request, client);
  const length = contentLength(answer);
  if (length !== undefined && length !== size) {
    await dropBody(answer);
    throw new LayerError("BLOB_SIZE_MISMATCH", { digest, size, seen: length });
  }
  return { body: answer.body, skip: offset };
}

async function sendToNext(targets: URL[], send: (url: URL) => Promise<Answer>): Promise<Answer | undefined> {
  const target = targets.shift() as URL;
  if (targets.length === 0) return send(target);
  return send(target).catch(() => undefined);
}

async function checkRange(
  answer: Answer,
  { offset, what, descriptor: { size } }: BlobRequest,
  client: RegistryClient,
): Promise<OpenedBlob> {
  const text = headerOf(answer, "content-range") ?? "no range";
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(text);
  const right = range !== null && Number(range[1]) === offset && (range[3] === "*" || Number(range[3]) === size);
  if (right) return { body: answer.body, skip: 0 };
  await dropBody(answer);
  const { host } = client.options.endpoint;
  const reason = `${host} sent the wrong range`;
  throw new SourceError("RANGE_WRONG", { what, host, offset, seen: JSON.stringify(text), reason, transient: true });
}

function contentLength(answer: Answer): number | undefined {
  const text = headerOf(answer, "content-length");
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function isWebAddress(url: string): boolean {
  return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
}
