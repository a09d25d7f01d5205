import type { FragmentWriter } from "./fragment-writer.ts";

/** What one group of contents (a layer's, say) came to. In bytes. */
export interface ShareReport {
  /** Contents taken, holes and duplicates included. */
  readonly contentSize: number;
  /** Of them, what the image had already. */
  readonly duplicateSize: number;
  /** What the rest takes in the image; of a fragment block that several shares filled, by what each put in. */
  readonly storedSize: number;
}

/** Where everything stood when a share began. */
export interface ShareMark {
  readonly share: number;
  readonly contentSize: number;
  readonly duplicateSize: number;
  /** Bytes of whole blocks in the image. */
  readonly runSize: number;
  readonly fragmentIndex: number;
  readonly fragmentOffset: number;
}

/** Keeps the accounts of the contents by share. A share may come back; its parts are summed. */
export class ShareLedger {
  readonly #marks: ShareMark[] = [];

  begin(mark: ShareMark): void {
    this.#marks.push(mark);
  }

  /**
   * The shares from 0 on, once all fragments are written.
   * @param end where everything stands now; its own share is of no interest
   */
  settle(end: ShareMark, fragments: FragmentWriter): ShareReport[] {
    const count = this.#marks.reduce((most, { share }) => Math.max(most, share + 1), 0);
    const sums = Array.from({ length: count }, () => ({ contentSize: 0, duplicateSize: 0, storedSize: 0 }));
    const stored = storedFragments(fragments);
    const all = [...this.#marks, { ...end, fragmentIndex: fragments.count, fragmentOffset: 0 }];
    for (const [i, { share, contentSize, duplicateSize, runSize, fragmentIndex, fragmentOffset }] of all.entries()) {
      const next = all[i + 1];
      const sum = sums[share];
      if (next === undefined || sum === undefined) continue;
      sum.contentSize += next.contentSize - contentSize;
      sum.duplicateSize += next.duplicateSize - duplicateSize;
      sum.storedSize += next.runSize - runSize;
      sum.storedSize += stored(next.fragmentIndex, next.fragmentOffset) - stored(fragmentIndex, fragmentOffset);
    }
    return sums;
  }
}

/** Bytes in the image of all that was put into fragments up to an offset in one of them. */
function storedFragments(fragments: FragmentWriter): (index: number, offset: number) => number {
  const sums = [0];
  for (let i = 0; i < fragments.count; i++) sums.push((sums[i] as number) + fragments.storedSize(i));
  return (index, offset) => {
    if (index < 0) return 0;
    const filled = fragments.filledSize(index);
    const part = filled === 0 ? 0 : Math.round((fragments.storedSize(index) * offset) / filled);
    return (sums[index] as number) + part;
  };
}
