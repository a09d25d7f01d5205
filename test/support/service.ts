import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** A server process of a test. */
export interface Service {
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
}

/** A TCP port of the loopback interface that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Starts a server and waits until `ready` says it answers; what it wrote is in the error if it does not. */
export async function startService(
  command: string,
  args: readonly string[],
  ready: () => Promise<boolean>,
): Promise<Service> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "pipe"] });
  const log = buffer(child.stderr);
  // Nobody may be left waiting on a server when the test process dies early.
  const killOnExit = () => child.kill();
  process.once("exit", killOnExit);
  const stop = async () => {
    process.off("exit", killOnExit);
    if (isRunning(child)) {
      child.kill();
      await once(child, "exit");
    }
  };
  for (let attempt = 0; attempt < 150; attempt++) {
    if (await ready().catch(() => false)) return { stop };
    if (!isRunning(child)) break;
    await sleep(200);
  }
  await stop();
  throw new Error(`${command} does not answer:\n${(await log).toString("utf8").slice(-2000)}`);
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
