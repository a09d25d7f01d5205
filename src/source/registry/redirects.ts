import type { Dispatcher } from "undici";
import { SourceError } from "../errors.ts";
import { type Answer, dropBody } from "./body.ts";

export interface Exchange {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly authorization: string | undefined;
  readonly body?: string;
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
  /** For messages. */
  readonly what: string;
}

/** Registries redirect once or twice, to a blob store; five is what browsers' first limit was. */
const MAX_REDIRECTS = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Sends a request and follows redirects. Credentials stay with the origin they are for: they are dropped at
 * the first redirect to another and do not come back, since blob stores take signed addresses and others
 * must not see them. A request with a body is not repeated elsewhere at all.
 *
 * Throws `SourceError` REDIRECT_LOOP, REDIRECT_INVALID, and whatever undici throws.
 */
export async function followRedirects(exchange: Exchange): Promise<Answer> {
  const { dispatcher, signal, what, method, body } = exchange;
  let { url, authorization } = exchange;
  for (let redirects = 0; ; redirects++) {
    const headers = authorization === undefined ? exchange.headers : { ...exchange.headers, authorization };
    const { origin, pathname, search } = url;
    const path = pathname + search;
    const response = await dispatcher.request({ origin, path, signal, method, headers, body: body ?? null });
    const { statusCode: status } = response;
    const location = response.headers.location;
    if (!REDIRECTS.has(status) || typeof location !== "string") {
      const elsewhere = url.origin !== exchange.url.origin;
      return { status, headers: response.headers, body: response.body, host: url.host, elsewhere };
    }
    await dropBody(response);
    const target = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (target === undefined || !/^https?:$/.test(target.protocol)) {
      throw new SourceError("REDIRECT_INVALID", { what, host: url.host });
    }
    if (redirects === MAX_REDIRECTS) {
      throw new SourceError("REDIRECT_LOOP", {
        what,
        host: exchange.url.host,
        target: target.host,
        limit: MAX_REDIRECTS,
      });
    }
    if (target.origin !== exchange.url.origin) {
      // A body here is a token request's, and holds a secret.
      if (body !== undefined) throw new SourceError("REDIRECT_INVALID", { what, host: url.host });
      authorization = undefined;
    }
    url = target;
  }
}
