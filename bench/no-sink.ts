import type { Sink } from "../src/index.ts";

/** Counts the bytes that it forgets. */
export class NoSink implements Sink {
  position = 0;
  readonly directory = undefined;
  async write(bytes: Uint8Array): Promise<void> {
    this.position += bytes.length;
  }
  async patch(): Promise<void> {}
  async rewind(offset: number): Promise<void> {
    this.position = offset;
  }
  async finish(): Promise<void> {}
  async abort(): Promise<void> {}
}
