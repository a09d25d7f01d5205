import { BlockList, isIP } from "node:net";
import type { Environment } from "../../bytes/environment.ts";
import { SourceError } from "../errors.ts";

/** The proxy for an address; undefined where it is reached directly. */
export type ProxyChoice = (url: URL) => URL | undefined;

const PROXY_SCHEMES: ReadonlySet<string> = new Set(["http:", "https:", "socks5:"]);

/**
 * Proxies as Go's tools choose them (golang.org/x/net/http/httpproxy), which is what Docker's and Apptainer's
 * users have set up: the variable of the address's own scheme alone, capitals first; loopback is never proxied.
 *
 * Throws `SourceError` PROXY_INVALID.
 */
export function proxyChoice(env: Environment): ProxyChoice {
  const http = proxyOf(env, "HTTP_PROXY");
  const https = proxyOf(env, "HTTPS_PROXY");
  const excluded = exclusions(variable(env, "NO_PROXY")?.value ?? "");
  return (url) => {
    const proxy = url.protocol === "https:" ? https : http;
    return proxy === undefined || isLoopback(hostOf(url)) || excluded(url) ? undefined : proxy;
  };
}

function variable(env: Environment, name: string): { name: string; value: string } | undefined {
  for (const spelling of [name, name.toLowerCase()]) {
    const value = env[spelling]?.trim();
    if (value) return { name: spelling, value };
  }
  return undefined;
}

function proxyOf(env: Environment, key: string): URL | undefined {
  const found = variable(env, key);
  if (found === undefined) return undefined;
  // Go takes "proxy:3128" for "http://proxy:3128".
  const text = found.value.includes("://") ? found.value : `http://${found.value}`;
  if (URL.canParse(text) && PROXY_SCHEMES.has(new URL(text).protocol)) return new URL(text);
  // The value may hold a password; it is not told.
  throw new SourceError("PROXY_INVALID", { name: found.name });
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

type Exclusion = (host: string, port: string) => boolean;

/** `no_proxy`: names with what is below them, addresses, address ranges, each with a port if need be, or `*`. */
function exclusions(list: string): (url: URL) => boolean {
  const rules = list
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter(Boolean)
    .map(parseExclusion);
  return (url) => {
    const port = url.port || (url.protocol === "https:" ? "443" : "80");
    return rules.some((rule) => rule(hostOf(url), port));
  };
}

function parseExclusion(entry: string): Exclusion {
  if (entry === "*") return () => true;
  const [, range = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(entry) ?? [];
  const family = isIP(range);
  if (family !== 0 && Number(bits) <= (family === 4 ? 32 : 128)) {
    const addresses = new BlockList();
    addresses.addSubnet(range, Number(bits), family === 4 ? "ipv4" : "ipv6");
    return (host) => isIP(host) !== 0 && addresses.check(host, isIP(host) === 4 ? "ipv4" : "ipv6");
  }
  const [, bracketed, named = "", port = ""] =
    isIP(entry) === 6 ? [entry, entry] : (/^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? []);
  const host = bracketed ?? named;
  const portFits = (seen: string) => port === "" || port === seen;
  if (isIP(host) !== 0) return (seen, seenPort) => seen === host && portFits(seenPort);
  // ".example.com" and "*.example.com" are what is below, "example.com" is itself as well.
  const suffix = host.startsWith("*.") ? host.slice(1) : host;
  if (suffix === "") return () => false;
  return suffix.startsWith(".")
    ? (seen, seenPort) => seen.endsWith(suffix) && portFits(seenPort)
    : (seen, seenPort) => (seen === suffix || seen.endsWith(`.${suffix}`)) && portFits(seenPort);
}
