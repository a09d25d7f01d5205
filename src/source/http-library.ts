/** What of the HTTP library is used; its dispatchers have `request`. */
export type HttpLibrary = Pick<typeof import("undici"), "Agent" | "Dispatcher" | "Pool" | "ProxyAgent">;

let loading: Promise<HttpLibrary> | undefined;

/** The HTTP library. It is much of what a start of Sifon has to load, and who reads files needs none of it: loaded when first asked for. */
export function loadHttp(): Promise<HttpLibrary> {
  // A version that keeps its modules elsewhere is loaded whole.
  loading ??= loadParts().catch(() => import("undici"));
  return loading;
}

/**
 * The modules that the dispatchers are in. The whole of undici, with fetch, caches and mocks, is four times as many,
 * and takes 50 ms and 7 MiB more in each thread that loads it.
 */
async function loadParts(): Promise<HttpLibrary> {
  const [agent, dispatcher, pool, proxyAgent, api] = await Promise.all([
    import("undici/lib/dispatcher/agent.js"),
    import("undici/lib/dispatcher/dispatcher.js"),
    import("undici/lib/dispatcher/pool.js"),
    import("undici/lib/dispatcher/proxy-agent.js"),
    import("undici/lib/api/index.js"),
  ]);
  const library = {
    Agent: agent.default,
    Dispatcher: dispatcher.default,
    Pool: pool.default,
    ProxyAgent: proxyAgent.default,
  } as HttpLibrary;
  // As undici's index does it.
  Object.assign(library.Dispatcher.prototype, api.default);
  return library;
}
