import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { linkerVariables } from "../../src/runtime/engine/linker-variables.ts";

describe("linkerVariables()", () => {
  const folder = mkdtempSync(join(tmpdir(), "sifon-linker-"));
  afterAll(() => rmdirSync(folder));

  it.each([
    [{ PATH: "/bin", LDFLAGS: "x", LD_BIND_NOW: "1" }, []],
    [{ LD_PRELOAD: "/x.so", LD_AUDIT: "/y.so", GLIBC_TUNABLES: "t" }, ["LD_PRELOAD", "LD_AUDIT", "GLIBC_TUNABLES"]],
    [{ LD_LIBRARY_PATH: "/.singularity.d/libs" }, []],
    [{ LD_LIBRARY_PATH: `/nonexistent:${folder}` }, ["LD_LIBRARY_PATH"]],
    [{ LD_LIBRARY_PATH: "/nonexistent:" }, ["LD_LIBRARY_PATH"]],
    // What stat refuses to tell; EACCES does not hold for root.
    [{ LD_LIBRARY_PATH: `/${"x".repeat(256)}` }, []],
  ])("names those that programs of the host heed: %j", (environment, names) => {
    expect(linkerVariables(new Map(Object.entries(environment)))).toEqual(names);
  });
});
