import { Agent, Dispatcher, Pool, ProxyAgent } from "undici";
import { DEFAULT_TIMEOUTS, type SourceOptions } from "../options.ts";
import { type ProxyChoice, proxyChoice } from "./proxies.ts";
import { type TlsTrust, tlsOptions } from "./tls-trust.ts";

/** What of a source's options concerns its connections, and what a host's own directory of certificates adds. */
export type ConnectionOptions = Pick<SourceOptions, "timeouts" | "env"> & TlsTrust;

/**
 * The connections to one registry, its token service and its blob store: HTTP/1.1 with keep-alive, through
 * proxies where the environment says so; how many there are is bounded by who asks.
 */
export function createDispatcher(options: ConnectionOptions): Dispatcher {
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
  const direct = new Agent({ ...common, connect: { timeout: connectMs, ...tls } });
  const proxied = (proxy: URL) =>
    new ProxyAgent({
      ...common,
      uri: proxy.href,
      // Proxies commonly let CONNECT pass to port 443 only; Go's tools ask for plain addresses in whole, too.
      proxyTunnel: false,
      requestTls: { timeout: connectMs, ...tls },
      proxyTls: { timeout: connectMs },
      factory: (origin, own) => new Pool(origin, { ...common, ...(own as Pool.Options) }),
    });
  return new RoutingDispatcher(direct, proxyChoice(env), proxied);
}

/** Sends each request directly or through its proxy. */
class RoutingDispatcher extends Dispatcher {
  readonly #direct: Dispatcher;
  readonly #choose: ProxyChoice;
  readonly #open: (proxy: URL) => Dispatcher;
  readonly #proxies = new Map<string, Dispatcher>();

  constructor(direct: Dispatcher, choose: ProxyChoice, open: (proxy: URL) => Dispatcher) {
    super();
    this.#direct = direct;
    this.#choose = choose;
    this.#open = open;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const proxy = options.origin === undefined ? undefined : this.#choose(new URL(options.origin));
    return this.#through(proxy).dispatch(options, handler);
  }

  #through(proxy: URL | undefined): Dispatcher {
    if (proxy === undefined) return this.#direct;
    const open = this.#proxies.get(proxy.href) ?? this.#open(proxy);
    this.#proxies.set(proxy.href, open);
    return open;
  }

  override async close(): Promise<void> {
    await Promise.all([this.#direct, ...this.#proxies.values()].map((each) => each.close()));
  }

  override async destroy(): Promise<void> {
    await Promise.all([this.#direct, ...this.#proxies.values()].map((each) => each.destroy()));
  }
}
