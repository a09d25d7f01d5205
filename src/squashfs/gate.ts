interface Waiter {
  readonly amount: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Lets so much through at a time; for one caller that takes and one that gives back. */
export class Gate {
  readonly #limit: number;
  #taken = 0;
  #waiter: Waiter | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Undefined where there is room at once: awaiting nothing is cheaper. An amount beyond the limit passes alone. */
  take(amount: number): Promise<void> | undefined {
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error as Error);
    if (this.#taken <= 0 || this.#taken + amount <= this.#limit) {
      this.#taken += amount;
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.#waiter = { amount, resolve, reject };
    });
  }

  give(amount: number): void {
    this.#taken -= amount;
    const waiter = this.#waiter;
    if (waiter === undefined || (this.#taken > 0 && this.#taken + waiter.amount > this.#limit)) return;
    this.#waiter = undefined;
    this.#taken += waiter.amount;
    waiter.resolve();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }
}
