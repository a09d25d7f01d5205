import { describe, expect, it } from "vitest";
import { grantedResources } from "../src/resources.ts";

function files(table: Readonly<Record<string, string>>) {
  return (path: string) => table[path];
}

const V2 = { "/proc/self/cgroup": "0::/slurm/job_7/step_0\n" };
const V1 = { "/proc/self/cgroup": "5:memory:/job\n3:cpu,cpuacct:/job\n" };

describe("grantedResources()", () => {
  it.each([
    ["no group", {}, 8, { cpus: 8, memory: undefined }],
    [
      "a group without limits",
      { ...V2, "/sys/fs/cgroup/slurm/cpu.max": "max 100000\n" },
      8,
      { cpus: 8, memory: undefined },
    ],
    [
      "a quota of the group",
      { ...V2, "/sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "200000 100000\n" },
      8,
      { cpus: 2, memory: undefined },
    ],
    [
      "a quota of a parent",
      { ...V2, "/sys/fs/cgroup/slurm/cpu.max": "300000 100000\n" },
      8,
      { cpus: 3, memory: undefined },
    ],
    [
      "a quota of the root of a namespace",
      { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "150000 100000" },
      8,
      { cpus: 2, memory: undefined },
    ],
    [
      "a quota below one CPU",
      { ...V2, "/sys/fs/cgroup/slurm/cpu.max": "20000 100000" },
      8,
      { cpus: 1, memory: undefined },
    ],
    [
      "an affinity mask below the quota",
      { ...V2, "/sys/fs/cgroup/slurm/cpu.max": "400000 100000" },
      2,
      { cpus: 2, memory: undefined },
    ],
    [
      "the least memory limit on the way",
      {
        ...V2,
        "/sys/fs/cgroup/slurm/memory.max": "1073741824\n",
        "/sys/fs/cgroup/slurm/job_7/memory.max": "2147483648\n",
      },
      8,
      { cpus: 8, memory: 1_073_741_824 },
    ],
    [
      "version 1 quotas",
      {
        ...V1,
        "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "250000",
        "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
        "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "536870912",
      },
      8,
      { cpus: 3, memory: 536_870_912 },
    ],
    [
      "version 1 without limits",
      {
        ...V1,
        "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "-1",
        "/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
        "/sys/fs/cgroup/memory/job/memory.limit_in_bytes": "9223372036854771712",
      },
      8,
      { cpus: 8, memory: undefined },
    ],
    ["a path above the namespace", { "/proc/self/cgroup": "0::/../other\n" }, 4, { cpus: 4, memory: undefined }],
  ])("follows %s", (_name, table, affinity, expected) => {
    expect(grantedResources(files(table), affinity)).toEqual(expected);
  });
});
