import { Worker } from "node:worker_threads";

/** What is known this soon, as images on this machine are, is asked for its size before any thread is started. */
const DELAY_MS = 50;

/**
 * Threads for an encoder, started before there is one: a thread takes 25 ms to its first block, in which an image's
 * manifests are on their way.
 */
export class EncoderThreads {
  readonly #waiting: Worker[] = [];
  /** Of those, the ones that run. */
  readonly #running = new Set<Worker>();
  readonly #count: number;
  readonly #timer: NodeJS.Timeout;
  #isBegun = false;

  /** @param count threads to start soon, or with `begin`; those beyond are started when they are taken */
  constructor(count: number) {
    this.#count = count;
    this.#timer = setTimeout(() => this.begin(), DELAY_MS);
    this.#timer.unref();
  }

  /** Starts what is to be started, unless that is done. */
  begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    clearTimeout(this.#timer);
    for (let i = 0; i < this.#count; i++) this.#waiting.push(this.#start());
  }

  /** Whether a thread that runs already waits to be taken. */
  get isReady(): boolean {
    return this.#running.size > 0;
  }

  /** A thread, one that runs if there is one, its taker's from now on; it expects a `WorkerSetup` first. */
  take(): Worker {
    const [worker = this.#waiting[0] ?? this.#start()] = this.#running;
    this.#forget(worker);
    return worker;
  }

  /** Ends the threads that nobody has taken; resolves once they are gone. Safe to call twice. */
  async close(): Promise<void> {
    this.#isBegun = true;
    clearTimeout(this.#timer);
    this.#running.clear();
    await Promise.all(this.#waiting.splice(0).map((worker) => worker.terminate()));
  }

  #start(): Worker {
    // Node 20 starts no .ts worker; src/ and dist/ lie at equal depth, so this address serves both.
    const file = new URL("../../dist/wasm/worker.js", import.meta.url);
    const worker = new Worker(file, { name: "sifon encoder", execArgv: [] });
    worker.once("online", () => {
      if (this.#waiting.includes(worker)) this.#running.add(worker);
    });
    // One that fails before it is taken is none; whoever takes it listens himself.
    worker.on("error", () => {});
    worker.once("exit", () => this.#forget(worker));
    return worker;
  }

  #forget(worker: Worker): void {
    this.#running.delete(worker);
    const index = this.#waiting.indexOf(worker);
    if (index >= 0) this.#waiting.splice(index, 1);
  }
}
