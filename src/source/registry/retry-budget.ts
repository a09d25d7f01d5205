import { setTimeout as sleep } from "node:timers/promises";
import type { OnProgress } from "../../progress.ts";
import { SourceError } from "../errors.ts";
import type { RetryPolicy } from "../options.ts";

export interface RetryBudgetOptions {
  readonly policy: RetryPolicy;
  /** What is tried, for the event. */
  readonly what: string;
  readonly onProgress: OnProgress | undefined;
  readonly signal: AbortSignal;
}

/**
 * Less than this between two failures is no progress: else a server that cuts every connection after one
 * byte would be asked as many times as the blob has bytes.
 */
const PROGRESS_BYTES = 64 * 1024;

/** Counts tries without progress, waits between them, and gives up. */
export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  #failures = 0;
  #received = 0;

  constructor(options: RetryBudgetOptions) {
    this.#options = options;
  }

  /** Bytes that came; enough of them start the count anew. */
  progressed(bytes: number): void {
    this.#received += bytes;
    if (this.#received < PROGRESS_BYTES) return;
    this.#failures = 0;
    this.#received = 0;
  }

  /** Waits until the next try is due; throws the error when it is not transient or was the last try's. */
  async failed(error: unknown): Promise<void> {
    const { policy, what, onProgress, signal } = this.#options;
    signal.throwIfAborted();
    if (!(error instanceof SourceError) || error.details.transient !== true) throw error;
    this.#failures++;
    this.#received = 0;
    const { maxAttempts, retryAfterMs: asked, reason } = error.details;
    const attempts = Math.min(policy.attempts, typeof maxAttempts === "number" ? maxAttempts : Infinity);
    const wait = typeof asked === "number" ? asked : undefined;
    if (this.#failures >= attempts || (wait !== undefined && wait > policy.maxRetryAfterMs)) {
      throw new SourceError(error.code, { ...error.details, transient: false, attempts: this.#failures });
    }
    const delayMs = Math.max(wait ?? 0, backoffMs(policy, this.#failures));
    onProgress?.({
      kind: "retry",
      what,
      attempt: this.#failures + 1,
      attempts,
      delayMs,
      reason: String(reason ?? error.message),
    });
    await sleep(delayMs, undefined, { signal });
  }
}

/** Doubled each time, and spread over its upper half so that many clients do not come back together. */
function backoffMs({ baseDelayMs, maxDelayMs }: RetryPolicy, failures: number): number {
  const full = Math.min(maxDelayMs, baseDelayMs * 2 ** (failures - 1));
  return Math.round(full * (0.5 + Math.random() / 2));
}

/** Runs `attempt` until it succeeds or the budget is spent. */
export async function withRetries<T>(options: RetryBudgetOptions, attempt: () => Promise<T>): Promise<T> {
  const budget = new RetryBudget(options);
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await budget.failed(error);
    }
  }
}
