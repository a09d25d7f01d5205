import type { Agent, Dispatcher, Pool } from "undici";
import { type HttpLibrary, loadHttp } from "../http-library.ts";
import { DEFAULT_TIMEOUTS, type SourceOptions } from "../options.ts";
import { type ProxyChoice, proxyChoice } from "./proxies.ts";
import { type TlsTrust, tlsOptions } from "./tls-trust.ts";

/** What of a source's options concerns its connections, and what a host's own directory of certificates adds. */
export type ConnectionOptions = Pick<SourceOptions, "timeouts" | "env"> & TlsTrust;

/**
 * The connections to one registry, its token service and its blob store: HTTP/1.1 with keep-alive, through
 * proxies where the environment says so; how many there are is bounded by who asks.
 */
export async function createDispatcher(options: ConnectionOptions): Promise<Dispatcher> {
  const http = await loadHttp();
  const { env = process.env } = options;
  const { connectMs, headersMs, stallMs } = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
  const tls = tlsOptions(options, env);
  const common: Agent.Options = {
    headersTimeout: headersMs,
    bodyTimeout: stallMs,
    // An answered connection is kept for the next blob; pipelining would put one blob behind another.
    keepAliveTimeout: 10_000,
    pipelining: 1,
  };
  const direct = new http.Agent({ ...common, connect: { timeout: connectMs, ...tls } });
  const proxied = (proxy: URL) =>
    new http.ProxyAgent({
      ...common,
      uri: proxy.href,
      // Proxies commonly let CONNECT pass to port 443 only; Go's tools ask for plain addresses in whole, too.
      proxyTunnel: false,
      requestTls: { timeout: connectMs, ...tls },
      proxyTls: { timeout: connectMs },
      factory: (origin, own) => new http.Pool(origin, { ...common, ...(own as Pool.Options) }),
    });
  return routingDispatcher(http, direct, proxyChoice(env), proxied);
}

/** Sends each request directly or through its proxy. */
function routingDispatcher(
  http: HttpLibrary,
  direct: Dispatcher,
  choose: ProxyChoice,
  open: (proxy: URL) => Dispatcher,
): Dispatcher {
  const proxies = new Map<string, Dispatcher>();
  const through = (proxy: URL | undefined): Dispatcher => {
    if (proxy === undefined) return direct;
    const opened = proxies.get(proxy.href) ?? open(proxy);
    proxies.set(proxy.href, opened);
    return opened;
  };
  const all = () => [direct, ...proxies.values()];

  class RoutingDispatcher extends http.Dispatcher {
    override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      const proxy = options.origin === undefined ? undefined : choose(new URL(options.origin));
      return through(proxy).dispatch(options, handler);
    }

    override async close(): Promise<void> {
      await Promise.all(all().map((each) => each.close()));
    }

    override async destroy(): Promise<void> {
      await Promise.all(all().map((each) => each.destroy()));
    }
  }
  return new RoutingDispatcher();
}
