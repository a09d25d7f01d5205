import { Agent, type Dispatcher, EnvHttpProxyAgent } from "undici";
import { DEFAULT_TIMEOUTS, type SourceOptions } from "../options.ts";

/** Loopback is never behind a proxy; Go's tools hold it so, and people rely on it. */
const NEVER_PROXIED = "localhost,127.0.0.1,[::1]";

/** The connections of one source: HTTP/1.1 with keep-alive; how many there are is bounded by who asks. */
export function createDispatcher({ timeouts, ca, insecure = false, env = process.env }: SourceOptions): Dispatcher {
  const { connectMs, headersMs, stallMs } = { ...DEFAULT_TIMEOUTS, ...timeouts };
  const options: Agent.Options = {
    connect: { timeout: connectMs, rejectUnauthorized: !insecure, ...(ca === undefined ? {} : { ca }) },
    headersTimeout: headersMs,
    bodyTimeout: stallMs,
    // An answered connection is kept for the next blob; pipelining would put one blob behind another.
    keepAliveTimeout: 10_000,
    pipelining: 1,
  };
  const httpProxy = env.http_proxy ?? env.HTTP_PROXY;
  const httpsProxy = env.https_proxy ?? env.HTTPS_PROXY;
  if (!httpProxy && !httpsProxy) return new Agent(options);
  const noProxy = [env.no_proxy ?? env.NO_PROXY, NEVER_PROXIED].filter(Boolean).join(",");
  return new EnvHttpProxyAgent({ ...options, httpProxy: httpProxy ?? "", httpsProxy: httpsProxy ?? "", noProxy });
}
