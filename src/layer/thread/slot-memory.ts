import { type Lease, lendMemory } from "../../bytes/lease.ts";
import { SLOT_SIZE } from "./messages.ts";

/**
 * The memory that a thread's entries come in, as its reader sees it: slots, each of which goes back to the thread once
 * neither the reader nor anyone who has kept a piece of it needs it any more.
 */
export class SlotMemory {
  readonly memory: SharedArrayBuffer;
  readonly slotCount: number;
  /** By slot: those who need it. */
  readonly #users: number[];
  /** Slots that somebody needs. */
  #inUse = 0;
  #onFree: ((slot: number) => void) | undefined;

  constructor(slotCount: number) {
    this.slotCount = slotCount;
    // The kernel gives memory to those slots alone that are used.
    this.memory = new SharedArrayBuffer(slotCount * SLOT_SIZE);
    this.#users = Array.from({ length: slotCount }, () => 0);
    const leases = this.#users.map(
      (_, slot): Lease => ({ keep: () => this.#keep(slot), release: () => this.release(slot) }),
    );
    lendMemory(this.memory, (offset) => leases[Math.floor(offset / SLOT_SIZE)] as Lease);
  }

  /** Whether no thread writes here, and nobody reads. */
  get isIdle(): boolean {
    return this.#onFree === undefined && this.#inUse === 0;
  }

  /** Begins to serve a thread, which is told of slots that are free again. */
  attach(onFree: (slot: number) => void): void {
    this.#onFree = onFree;
  }

  /** The thread is gone. */
  detach(): void {
    this.#onFree = undefined;
  }

  /** Lends what the thread has put into a slot, until `release`; `leaseOf` keeps it for longer. */
  lend(slot: number, size: number): Uint8Array {
    this.#keep(slot);
    return new Uint8Array(this.memory, slot * SLOT_SIZE, size);
  }

  release(slot: number): void {
    const users = (this.#users[slot] as number) - 1;
    this.#users[slot] = users;
    if (users > 0) return;
    this.#inUse--;
    this.#onFree?.(slot);
  }

  #keep(slot: number): void {
    const users = this.#users[slot] as number;
    if (users === 0) this.#inUse++;
    this.#users[slot] = users + 1;
  }
}
