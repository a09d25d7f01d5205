import type { TarEntry } from "../../tar/entry.ts";
import type { LayerStatistics } from "./contract.ts";

/** Counts what becomes of one layer. */
export class LayerTally {
  readonly #name: string;
  #entries = 0;
  #entriesHidden = 0;
  #bytesRead = 0;
  #bytesHidden = 0;
  #rescuedFiles = 0;

  constructor(name: string) {
    this.#name = name;
  }

  count(entry: TarEntry, isHidden: boolean): void {
    this.#entries++;
    this.#bytesRead += entry.size;
    if (!isHidden) return;
    this.#entriesHidden++;
    this.#bytesHidden += entry.size;
  }

  /** A hidden file that was kept after all, for a hard link. */
  countRescued(size: number): void {
    this.#rescuedFiles++;
    this.countKept(size);
  }

  countKept(size: number): void {
    this.#bytesHidden -= size;
  }

  get statistics(): LayerStatistics {
    return {
      name: this.#name,
      entries: this.#entries,
      entriesHidden: this.#entriesHidden,
      bytesRead: this.#bytesRead,
      bytesHidden: this.#bytesHidden,
      bytesKept: this.#bytesRead - this.#bytesHidden,
      rescuedFiles: this.#rescuedFiles,
    };
  }
}
