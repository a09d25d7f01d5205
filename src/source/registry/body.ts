import type { Dispatcher } from "undici";

/** An answer whose body is still to be read or dropped. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Dispatcher.ResponseData["body"];
  /** `host[:port]` that answered, after redirects. */
  readonly host: string;
  /** Whether another origin than the one asked answered, without having seen our credentials. */
  readonly elsewhere: boolean;
}

/** A small body that is not wanted is read away, to keep the connection; a large one costs the connection. */
const MAX_DRAINED_SIZE = 64 * 1024;

/** Gives up a body that nobody wants. Never rejects. */
export async function dropBody({ body }: Pick<Answer, "body">): Promise<void> {
  await body.dump({ limit: MAX_DRAINED_SIZE }).catch(() => {});
}

/** Reads a body of at most `limit` bytes; of a longer one, `limit` + 1 bytes, so that the caller sees it is. */
export async function readBody({ body }: Pick<Answer, "body">, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > limit) break;
  }
  return Buffer.concat(chunks).subarray(0, limit + 1);
}

/** The one value of a header. */
export function headerOf({ headers }: Pick<Answer, "headers">, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
