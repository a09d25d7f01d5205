import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createImagePlace } from "./place.ts";

describe("imageFile() in many processes", () => {
  it("converts once for twenty that begin together", async (context) => {
    const place = await createImagePlace(context);
    const all = await Promise.all(Array.from({ length: 20 }, () => place.start().fetched));
    expect(all.filter(({ converted }) => converted)).toHaveLength(1);
    expect(new Set(all.map(({ path }) => path)).size).toBe(1);
    const requests = place.requests();
    expect(requests.filter((one) => one === "HEAD manifest")).toHaveLength(20);
    expect(requests.filter((one) => one.startsWith("GET")).sort()).toEqual([
      "GET blob",
      "GET blob",
      "GET blob",
      "GET manifest",
    ]);
    expect(await place.files()).toHaveLength(1);
  });

  it("goes on at once where the one that converts is killed", async (context) => {
    const place = await createImagePlace(context);
    let hold = true;
    // The first layer is never sent while the first process lives.
    place.registry.faults.push(({ url }) => hold && url.endsWith(place.layer.slice(7)));
    const first = place.start();
    await first.merging;
    expect(await place.files()).toEqual([
      expect.stringMatching(/^\..*-\d+-.*\.tmp$/),
      expect.stringMatching(/\.lease$/),
    ]);
    const others = Array.from({ length: 3 }, () => place.start());
    hold = false;
    first.kill();
    const all = await Promise.all(others.map(({ fetched }) => fetched));
    expect(all.filter(({ converted }) => converted)).toHaveLength(1);
    // What the dead process had begun is gone as well.
    expect(await place.files()).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
  });

  it("needs nothing but the cache with --offline", async (context) => {
    const place = await createImagePlace(context);
    await place.start().fetched;
    await place.registry.close();
    const all = await Promise.all([1, 2, 3].map(() => place.start({ offline: true }).fetched));
    expect(all.map(({ converted }) => converted)).toEqual([false, false, false]);
    expect(await readdir(join(place.root, "references"))).toHaveLength(1);
  });
});
