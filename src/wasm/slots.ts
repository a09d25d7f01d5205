interface Waiter {
  readonly resolve: (buffer: Uint8Array) => void;
  readonly reject: (error: Error) => void;
}

/** Lends a fixed number of equal buffers, made on demand and used over and over. */
export class Slots {
  readonly #make: (number: number) => Uint8Array;
  readonly #count: number;
  readonly #free: Uint8Array[] = [];
  readonly #waiting: Waiter[] = [];
  #made = 0;
  #error: Error | undefined;

  /** @param make the buffer of a number from 0 */
  constructor(count: number, make: (number: number) => Uint8Array) {
    this.#count = count;
    this.#make = make;
  }

  /** Whether one can be lent at once. */
  get hasFree(): boolean {
    return this.#free.length > 0 || this.#made < this.#count;
  }

  /** Whether somebody waits for one. */
  get isWaitedFor(): boolean {
    return this.#waiting.length > 0;
  }

  acquire(): Uint8Array | Promise<Uint8Array> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made < this.#count) return this.#make(this.#made++);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Takes back a lent buffer. */
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
