import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { diagnoseHost } from "../../src/runtime/diagnose-host.ts";
import type { Host } from "../../src/runtime/engine/host.ts";
import { createWorkplace } from "./workplace.ts";

const BARE: Host = {
  uid: 1000,
  gid: 1000,
  tools: {},
  fuseDevice: false,
  kernelSquashfs: false,
  kernelOverlay: false,
  userNamespaceRefusal: undefined,
  subordinateUids: undefined,
  subordinateGids: undefined,
  kernel: [4, 18],
};
const FULL: Host = {
  ...BARE,
  tools: Object.fromEntries(
    ["bwrap", "unshare", "nsenter", "mount", "squashfuse_ll", "newuidmap", "newgidmap"].map((tool) => [
      tool,
      `/usr/bin/${tool}`,
    ]),
  ),
  fuseDevice: true,
  kernel: [6, 1],
  subordinateUids: { first: 100_000, count: 65_536 },
  subordinateGids: { first: 100_000, count: 65_536 },
};
const stateOf = (host: Host) => Object.fromEntries(diagnoseHost(host).map(({ subject, state }) => [subject, state]));

describe("diagnoseHost()", () => {
  it("finds nothing wrong where all is there", () => {
    expect(new Set(Object.values(stateOf(FULL)))).toEqual(new Set(["fine"]));
  });

  it("names what is missing, and the package that has it", () => {
    const findings = diagnoseHost(BARE);
    const text = findings.map((finding) => finding.text).join("\n");
    for (const name of ["bubblewrap", "util-linux", "squashfuse", "fuse-overlayfs", "uidmap", "/dev/fuse"])
      expect(text).toContain(name);
    expect(stateOf(BARE)).toMatchObject({
      bwrap: "missing",
      "image mounts": "limit",
      overlays: "limit",
      fakeroot: "limit",
    });
  });

  it.each([
    [
      "root needs neither FUSE nor ranges of ids",
      { uid: 0, kernelSquashfs: true, fuseDevice: false, subordinateUids: undefined },
      {},
    ],
    ["switched off namespaces end it", { userNamespaceRefusal: "/proc/x is 0" }, { namespaces: "missing" }],
    ["no FUSE slows it down", { fuseDevice: false }, { "image mounts": "limit" }],
    ["old kernels lack overlays", { kernel: [5, 10] as const }, { overlays: "limit" }],
    ["5.11 has them", { kernel: [5, 11] as const }, {}],
    ["no range is one user", { subordinateGids: undefined }, { fakeroot: "limit" }],
  ])("%s", (_what, change, expected) => {
    const all = stateOf({ ...FULL, ...change });
    expect(Object.fromEntries(Object.entries(all).filter(([, state]) => state !== "fine"))).toEqual(expected);
  });
});

describe.concurrent("sifon doctor", () => {
  it("shows tools and places, each on a line", async (context) => {
    const place = await createWorkplace(context);
    const { stdout, code } = await place.run(["doctor"]);
    const lines = stdout.toString().trimEnd().split("\n");
    for (const line of lines) expect(line).toMatch(/^(ok|limited|MISSING) +\S/);
    expect(code).toBe(lines.some((line) => line.startsWith("MISSING")) ? 255 : 0);
    expect(stdout.toString()).toContain(`${join(place.env.HOME as string, ".sifon", "cache")}\n`);
    expect(stdout.toString()).toContain(
      `${join(place.env.HOME as string, ".config", "sifon", "config.toml")} (not there)\n`,
    );
  });

  it("takes no words", async (context) => {
    const { code, stderr } = await (await createWorkplace(context)).run(["doctor", "who"]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('Error for command "doctor": accepts 0 arg(s), received 1'),
    ]);
  });
});
