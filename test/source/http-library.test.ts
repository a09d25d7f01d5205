import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Agent, Dispatcher, Pool, ProxyAgent } from "undici";
import { describe, expect, it } from "vitest";
import { loadHttp } from "../../src/source/http-library.ts";

describe("loadHttp()", () => {
  it("gives undici's own classes, whose dispatchers send requests", async () => {
    const http = await loadHttp();
    expect([http.Agent, http.Dispatcher, http.Pool, http.ProxyAgent]).toEqual([Agent, Dispatcher, Pool, ProxyAgent]);
    expect("request" in new http.Agent() && "connect" in http.Dispatcher.prototype).toBe(true);
  });

  it("loads no more of it than those need", () => {
    const script = `
      import { createRequire } from "node:module";
      const { loadHttp } = await import(process.argv[1]);
      await loadHttp();
      console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache)));`;
    const file = fileURLToPath(new URL("../../dist/source/http-library.js", import.meta.url));
    const args = ["--input-type=module", "--eval", script, file];
    const loaded = JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as string[];
    expect(loaded.some((path) => path.endsWith("/undici/lib/dispatcher/agent.js"))).toBe(true);
    expect(loaded.filter((path) => /\/undici\/(index\.js|lib\/(web|mock|cache)\/.*index\.js)$/.test(path))).toEqual([]);
    expect(loaded.length).toBeLessThan(60);
  });
});
