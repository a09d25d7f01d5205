import type { Sink } from "../sink/sink.ts";

/** The front of the image: room for the superblock, then blocks of data as they are committed. */
export class DataArea {
  readonly #sink: Sink;
  readonly #header: Uint8Array;
  #begun = false;
  /** Bytes written, what was rewound included: shows how often a guess was wrong. */
  #rewound = 0;

  /** @param header what the image begins with for now; the superblock is patched in the end */
  constructor(sink: Sink, header: Uint8Array) {
    this.#sink = sink;
    this.#header = header;
  }

  get position(): number {
    return this.#begun ? this.#sink.position : this.#header.length;
  }

  /** Bytes that were written and given up again. */
  get rewoundSize(): number {
    return this.#rewound;
  }

  async begin(): Promise<void> {
    if (this.#begun) return;
    this.#begun = true;
    await this.#sink.write(this.#header);
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#begun) await this.begin();
    await this.#sink.write(bytes);
  }

  async rewind(offset: number): Promise<void> {
    this.#rewound += this.position - offset;
    if (this.#begun) await this.#sink.rewind(offset);
  }
}
