import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

/** A server that does not answer by then will not: it takes a second or two on an idle machine. */
const LIMIT_MS = 100_000;

/** A server process of a test. */
export interface Service {
  /** Ends it and waits until it is gone. */
  stop(): Promise<void>;
}

/** A port that nothing listens on, and that no process is given (tcpmux, which nobody runs). */
export const CLOSED_PORT = 1;

/** A TCP port of the loopback interface that nothing listens on at this moment; another process may be given it next. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Starts a server on a free port, or, where another process was given that one meanwhile, on the next. */
export async function onFreePort<T>(start: (port: number) => Promise<T>): Promise<T> {
  for (let left = 3; ; left--) {
    try {
      return await start(await freePort());
    } catch (error) {
      if (left === 0 || !/address already in use/i.test(String(error))) throw error;
    }
  }
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
  const begunMs = performance.now();
  while (performance.now() - begunMs < LIMIT_MS) {
    if (await ready().catch(() => false)) return { stop };
    if (!isRunning(child)) break;
    await sleep(50);
  }
  await stop();
  throw new Error(`${command} does not answer:\n${(await log).toString("utf8").slice(-2000)}`);
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}
