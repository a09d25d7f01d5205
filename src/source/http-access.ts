import type { Dispatcher } from "undici";
import type { RandomAccess } from "../bytes/random-access.ts";
import { SifonError } from "../errors.ts";
import { SourceError } from "./errors.ts";
import { DEFAULT_RETRY, type SourceOptions } from "./options.ts";
import { type Answer, dropBody, headerOf, readBody } from "./registry/body.ts";
import { type ConnectionOptions, createDispatcher } from "./registry/dispatcher.ts";
import { followRedirects } from "./registry/redirects.ts";
import { withRetries } from "./registry/retry-budget.ts";

/** How a file behind an address is reached. */
export interface HttpAccessOptions
  extends Pick<SourceOptions, "env" | "timeouts" | "retry" | "onProgress">,
    Pick<ConnectionOptions, "insecure"> {
  /** Certificates (PEM) of further authorities. */
  readonly ca?: string;
  /** The header of that name, shown to the address's own origin only. */
  readonly authorization?: string;
  /** Ends reads that are under way, too. */
  readonly signal?: AbortSignal;
}

const MAY_PASS: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * A file behind an http or https address as a source, read by single ranges (RFC 9110 §14): of an image only what is
 * asked for comes over the network. Each range is tied to what was there when it was opened (`If-Range`, where the
 * server gives a strong validator), so that two versions never mix. Transfers that break are tried again.
 *
 * Throws `SourceError` FILE_REFUSED, FILE_RANGES_UNSUPPORTED, FILE_UNREACHABLE, PROXY_INVALID, REDIRECT_LOOP,
 * REDIRECT_INVALID; reads throw FILE_CHANGED beside them.
 */
export async function openHttpAccess(address: string | URL, options: HttpAccessOptions = {}): Promise<RandomAccess> {
  const url = new URL(address);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`${JSON.stringify(url.protocol)} is not http: or https:`);
  const { env = process.env, insecure = false, ca, timeouts } = options;
  const dispatcher = await createDispatcher({
    ...{ env, insecure, ca: ca === undefined ? [] : [ca] },
    ...(timeouts === undefined ? {} : { timeouts }),
  });
  const file = new HttpFile(url, dispatcher, options);
  try {
    const size = await file.findSize();
    return {
      name: file.name,
      size,
      async read(offset, length) {
        if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0)
          throw new RangeError(`bytes ${offset}…${offset + length} are no range`);
        if (offset + length > size) throw new RangeError(`bytes ${offset}…${offset + length} are outside 0…${size}`);
        return length === 0 ? new Uint8Array(0) : file.read(offset, length, size);
      },
      close: () => dispatcher.destroy(),
    };
  } catch (error) {
    await dispatcher.destroy();
    throw error;
  }
}

class HttpFile {
  /** Without user, password and query: those of signed addresses are secrets. */
  readonly name: string;
  readonly #url: URL;
  readonly #dispatcher: Dispatcher;
  readonly #options: HttpAccessOptions;
  readonly #signal: AbortSignal;
  /** A strong entity tag, or a date: what If-Range takes (RFC 9110 §13.1.5). */
  #validator: string | undefined;
  /** What is held against later answers: a weak tag tells of a change, too, and not every server heeds If-Range. */
  #version: string | undefined;

  constructor(url: URL, dispatcher: Dispatcher, options: HttpAccessOptions) {
    this.name = `${url.origin}${url.pathname}`;
    this.#url = url;
    this.#dispatcher = dispatcher;
    this.#options = options;
    this.#signal = options.signal ?? new AbortController().signal;
  }

  /** From one byte's range, as not every server that gives ranges answers HEAD. */
  findSize(): Promise<number> {
    return this.#withRetries(async () => {
      const answer = await this.#ask(0, 1);
      await dropBody(answer);
      const range = rangeOf(answer);
      if (answer.status !== 206 || range === undefined || range.start !== 0) throw this.#noRanges();
      const tag = headerOf(answer, "etag");
      this.#validator = tag !== undefined && !tag.startsWith("W/") ? tag : headerOf(answer, "last-modified");
      this.#version = versionOf(answer);
      return range.size;
    });
  }

  read(offset: number, length: number, size: number): Promise<Uint8Array> {
    return this.#withRetries(async () => {
      const answer = await this.#ask(offset, length);
      const range = rangeOf(answer);
      const version = versionOf(answer);
      const sameVersion = version === this.#version && version !== undefined;
      // Where the validator no longer holds, the whole file comes; of the same version, the server has lost its ranges.
      const replaced =
        (answer.status === 200 && !sameVersion) ||
        (range !== undefined && range.size !== size) ||
        (version !== undefined && this.#version !== undefined && !sameVersion);
      if (replaced) {
        await dropBody(answer);
        throw new SourceError("FILE_CHANGED", { file: this.name });
      }
      if (answer.status !== 206 || range === undefined || range.start !== offset || range.end !== offset + length) {
        await dropBody(answer);
        throw this.#noRanges();
      }
      const bytes = await readBody(answer, length);
      if (bytes.length === length) return bytes;
      if (bytes.length > length) throw new Error(`the server sent more than the ${length} bytes that it announced`);
      throw new Error(`the connection ended after ${bytes.length} of ${length} bytes`);
    });
  }

  async #ask(offset: number, length: number): Promise<Answer> {
    const headers = {
      "accept-encoding": "identity",
      "user-agent": "sifon",
      range: `bytes=${offset}-${offset + length - 1}`,
      ...(this.#validator === undefined ? {} : { "if-range": this.#validator }),
    };
    const answer = await followRedirects({
      ...{ method: "GET", url: this.#url, headers, authorization: this.#options.authorization },
      ...{ dispatcher: this.#dispatcher, signal: this.#signal, what: `reading ${this.name}` },
    });
    const { status } = answer;
    if (status === 200 || status === 206) return answer;
    await dropBody(answer);
    // An empty file has no first byte.
    if (status === 416) throw this.#noRanges();
    const reason = `the server answered with status ${status}`;
    throw new SourceError("FILE_REFUSED", { file: this.name, status, reason, transient: MAY_PASS.has(status) });
  }

  #noRanges(): SourceError {
    return new SourceError("FILE_RANGES_UNSUPPORTED", { file: this.name });
  }

  #withRetries<T>(attempt: () => Promise<T>): Promise<T> {
    const { onProgress } = this.#options;
    const policy = { ...DEFAULT_RETRY, ...this.#options.retry };
    const what = `reading ${this.name}`;
    return withRetries({ policy, what, onProgress, signal: this.#signal }, async () => {
      try {
        return await attempt();
      } catch (cause) {
        this.#signal.throwIfAborted();
        if (cause instanceof SifonError) throw cause;
        const problem = cause instanceof Error ? cause.message : String(cause);
        const details = { file: this.name, problem, reason: problem, transient: true };
        throw new SourceError("FILE_UNREACHABLE", { ...details, cause });
      }
    });
  }
}

/** What tells one version of a file from another. */
function versionOf(answer: Answer): string | undefined {
  return headerOf(answer, "etag") ?? headerOf(answer, "last-modified");
}

/** `Content-Range: bytes 0-4/10`, its end turned into that behind the last byte. */
function rangeOf(answer: Answer): { readonly start: number; readonly end: number; readonly size: number } | undefined {
  const [, start, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headerOf(answer, "content-range") ?? "") ?? [];
  return size === undefined ? undefined : { start: Number(start), end: Number(last) + 1, size: Number(size) };
}
