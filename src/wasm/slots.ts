interface Waiter {
  readonly resolve: (buffer: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Lends a fixed number of equal buffers, made on demand and used over and over. */
export class Slots {
  readonly #size: number;
  readonly #count: number;
  readonly #free: Uint8Array[] = [];
  readonly #waiting: Waiter[] = [];
  #made = 0;
  #error: Error | undefined;

  constructor(count: number, size: number) {
    this.#count = count;
    this.#size = size;
  }

  acquire(): Promise<Uint8Array> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.#made < this.#count) {
      this.#made++;
      return Promise.resolve(new Uint8Array(this.#size));
    }
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Takes back a lent buffer, or the one that came back in its place after a transfer. */
  release(buffer: Uint8Array): void {
    const waiter = this.#waiting.shift();
    if (waiter !== undefined) waiter.resolve(buffer);
    else this.#free.push(buffer);
  }

  /** Everyone who waits, or asks later, gets the error; the buffers are given up. */
  fail(error: Error): void {
    this.#error ??= error;
    for (const waiter of this.#waiting.splice(0)) waiter.reject(this.#error);
    this.#free.length = 0;
  }
}
