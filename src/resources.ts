import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { posix } from "node:path";

/** What the control group and the affinity mask leave to this process. */
export interface GrantedResources {
  /** Whole CPUs, at least 1: the least of the affinity mask and every CPU quota on the way to the root group, rounded up. */
  readonly cpus: number;
  /** Bytes, or undefined where no group limits memory. */
  readonly memory: number | undefined;
}

/** Reads a file of /proc or /sys/fs/cgroup; undefined when it is not there. */
export type ReadText = (path: string) => string | undefined;

const CGROUP_ROOT = "/sys/fs/cgroup";
/** cgroup v1 writes "no limit" as a number near 2^63; anything above this is one (1 PiB). */
const V1_UNLIMITED = 2 ** 50;

/** Looks up what this process may use; reads a dozen small files, so ask once. */
export function grantedResources(
  read: ReadText = readOrNone,
  affinityCpus: number = availableParallelism(),
): GrantedResources {
  const groups = parseGroups(read("/proc/self/cgroup") ?? "");
  const quotas: number[] = [];
  const limits: number[] = [];
  for (const group of groups) {
    for (const folder of ancestors(group.path)) {
      const quota = group.controllers === undefined ? quotaV2(read, folder) : quotaV1(read, folder, group.controllers);
      if (quota !== undefined) quotas.push(quota);
      const limit = group.controllers === undefined ? limitV2(read, folder) : limitV1(read, folder, group.controllers);
      if (limit !== undefined) limits.push(limit);
    }
  }
  return {
    cpus: Math.max(1, Math.min(affinityCpus, Math.ceil(Math.min(...quotas, Number.POSITIVE_INFINITY)))),
    memory: limits.length === 0 ? undefined : Math.min(...limits),
  };
}

interface Group {
  /** Undefined for the one group of version 2. */
  readonly controllers: string | undefined;
  readonly path: string;
}

// cgroups(7): lines `hierarchy-ID:controllers:path`; version 2 is hierarchy 0 with no controllers.
function parseGroups(text: string): Group[] {
  const groups: Group[] = [];
  for (const line of text.split("\n")) {
    const match = /^(\d+):([^:]*):(.*)$/.exec(line);
    if (match === null) continue;
    const [, id, controllers = "", path = "/"] = match;
    groups.push({ controllers: id === "0" && controllers === "" ? undefined : controllers, path });
  }
  return groups;
}

/** The group's folder and all above it; a limit anywhere on the way holds. */
function* ancestors(path: string): Generator<string> {
  for (let at = posix.normalize(path); ; at = posix.dirname(at)) {
    yield at;
    if (at === "/" || at === "." || at.startsWith("..")) return;
  }
}

function quotaV2(read: ReadText, folder: string): number | undefined {
  const [quota, period] = (read(posix.join(CGROUP_ROOT, folder, "cpu.max")) ?? "").trim().split(/\s+/);
  return quota === undefined || quota === "max" ? undefined : positive(Number(quota) / Number(period));
}

function quotaV1(read: ReadText, folder: string, controllers: string): number | undefined {
  if (!controllers.split(",").includes("cpu")) return undefined;
  const base = posix.join(CGROUP_ROOT, controllers, folder);
  return positive(
    Number(read(posix.join(base, "cpu.cfs_quota_us"))) / Number(read(posix.join(base, "cpu.cfs_period_us"))),
  );
}

function limitV2(read: ReadText, folder: string): number | undefined {
  const text = read(posix.join(CGROUP_ROOT, folder, "memory.max"))?.trim();
  return text === undefined || text === "max" ? undefined : positive(Number(text));
}

function limitV1(read: ReadText, folder: string, controllers: string): number | undefined {
  if (!controllers.split(",").includes("memory")) return undefined;
  const limit = positive(Number(read(posix.join(CGROUP_ROOT, "memory", folder, "memory.limit_in_bytes"))));
  return limit === undefined || limit > V1_UNLIMITED ? undefined : limit;
}

function positive(value: number): number | undefined {
  return Number.isFinite(value) && value > 0 ? value : undefined;
}

function readOrNone(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
