import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type CommandResult, mustRun, runCommand } from "./command.ts";
import { type Service, startService } from "./service.ts";

/** A real Docker daemon of the tests' own. */
export interface Docker extends Service {
  /** As DOCKER_HOST has it: `unix:///…/docker.sock`. */
  readonly host: string;
  /** Runs `docker`, which has to succeed. */
  docker(...args: string[]): Promise<CommandResult>;
}

/** Starts dockerd (root only; docker.io and runc). It has no bridge: build and run with `--network host`. */
export async function startDocker(): Promise<Docker> {
  const folder = await mkdtemp(join(tmpdir(), "sifon-docker-"));
  const host = `unix://${join(folder, "docker.sock")}`;
  const env = { DOCKER_HOST: host };
  const service = await startService(
    "dockerd",
    [
      ...["--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
      ...["--pidfile", join(folder, "pid"), "--host", host],
      ...["--iptables=false", "--ip6tables=false", "--bridge=none"],
    ],
    async () => (await runCommand("docker", ["version"], { env })).code === 0,
  );
  return {
    host,
    docker: (...args) => mustRun("docker", args, { env }),
    async stop() {
      await service.stop();
      // It leaves its network namespace mounted.
      const mounts = (await readFile("/proc/self/mounts", "utf8")).split("\n").map((line) => line.split(" ")[1] ?? "");
      for (const path of mounts.filter((path) => path.startsWith(`${folder}/`))) await mustRun("umount", ["-l", path]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
