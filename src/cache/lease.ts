import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, readFile, rename, stat, unlink } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { describeSelf, isGone } from "./lease-holder.ts";

/** How often a holder shows that it lives, and how often others look. */
export interface LeaseTiming {
  readonly beatMs: number;
  /** Without a beat for so long, by the waiter's own clock, the holder counts as gone. */
  readonly silentMs: number;
  /** The longest time between two looks. */
  readonly lookMs: number;
}

// A holder that is only slow and is taken for gone costs one conversion twice; ten beats that a file server has to
// lose in a row are enough. NFS shows a file's times anew to whoever opens it (close-to-open).
const TIMING: LeaseTiming = { beatMs: 2_000, silentMs: 20_000, lookMs: 400 };
const FIRST_LOOK_MS = 50;

/** Work that is to be done by one process at a time, on any number of hosts. */
export interface LeasedWork<T> {
  /** The lease's file: whoever made it holds the lease. */
  readonly path: string;
  /** What others may have made meanwhile; undefined while there is nothing. Asked under the lease, too. */
  readonly find: () => Promise<T | undefined>;
  readonly make: () => Promise<T>;
  /** Told once, when there is a wait. */
  readonly onWait?: () => void;
  readonly signal: AbortSignal;
  readonly timing?: Partial<LeaseTiming>;
}

/**
 * Finds something or makes it, once among all processes that want it. A file with a beat, not a kernel's lock:
 * file servers of clusters often have no locks, or keep those of hosts that died. On one host, a holder that was
 * killed is seen at once. The lease saves work and guards nothing: what `make` makes has to appear whole.
 */
export async function findOrMake<T>(work: LeasedWork<T>): Promise<T> {
  const { path, find, make, onWait, signal } = work;
  const { beatMs, silentMs, lookMs } = { ...TIMING, ...work.timing };
  let seen = "";
  let sinceMs = performance.now();
  let waitMs = FIRST_LOOK_MS;
  let told = false;
  for (;;) {
    signal.throwIfAborted();
    const found = await find();
    if (found !== undefined) return found;
    const lease = await Lease.take(path, beatMs);
    if (lease !== undefined) {
      try {
        return (await find()) ?? (await make());
      } finally {
        await lease.release();
      }
    }
    const held = await look(path);
    if (held === undefined) continue;
    const sign = `${held.text}${held.mtimeMs}`;
    if (sign !== seen) {
      seen = sign;
      sinceMs = performance.now();
    }
    if (performance.now() - sinceMs > silentMs || (await isGone(held.text))) {
      await breakLease(path, held.text);
      continue;
    }
    if (!told) onWait?.();
    told = true;
    // Nothing tells of a change that another host makes: it has to be looked for.
    await delay(waitMs, undefined, { signal });
    waitMs = Math.min(waitMs * 1.5, lookMs);
  }
}

class Lease {
  readonly #path: string;
  readonly #text: string;
  readonly #file: FileHandle;
  readonly #beat: NodeJS.Timeout;

  private constructor(path: string, text: string, file: FileHandle, beatMs: number) {
    this.#path = path;
    this.#text = text;
    this.#file = file;
    this.#beat = setInterval(() => {
      const now = new Date();
      file.utimes(now, now).catch(() => {});
    }, beatMs);
    this.#beat.unref();
  }

  /** Undefined where somebody has it. Rejects with the system's error where nobody can have it. */
  static async take(path: string, beatMs: number): Promise<Lease | undefined> {
    const text = await describeSelf();
    let file: FileHandle;
    try {
      file = await open(path, "wx", 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EEXIST") return undefined;
      throw error;
    }
    await file.writeFile(text).catch(() => {});
    return new Lease(path, text, file, beatMs);
  }

  async release(): Promise<void> {
    clearInterval(this.#beat);
    await this.#file.close().catch(() => {});
    if ((await readFile(this.#path, "latin1").catch(() => "")) === this.#text) await unlink(this.#path).catch(() => {});
  }
}

async function look(path: string): Promise<{ readonly text: string; readonly mtimeMs: number } | undefined> {
  try {
    return { text: await readFile(path, "latin1"), mtimeMs: (await stat(path)).mtimeMs };
  } catch {
    return undefined;
  }
}

/** Takes a lease away from one who is gone. Of several who try, one renames it; what was not meant is put back. */
async function breakLease(path: string, text: string): Promise<void> {
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, "latin1").catch(() => text)) !== text) await link(aside, path).catch(() => {});
  await unlink(aside).catch(() => {});
}
