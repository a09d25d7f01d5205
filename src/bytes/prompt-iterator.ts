/**
 * Items in their order, like those of an async iterator, but one that is at hand comes at once: a format of small
 * records then costs a promise for each chunk of it, not for each record. Every async generator is one, too.
 */
export interface PromptIterator<T> {
  /** The next item. Not to be asked again after the end, an error or `return`. */
  next(): IteratorResult<T, void> | Promise<IteratorResult<T, void>>;
  /** Leaves early; safe after the end. */
  return(): Promise<unknown>;
}

/**
 * Calls `visit` for each item, and waits where that gives a promise; true from it leaves early. An error of `visit`
 * leaves, too, and is what this rejects with; one of the items needs no leaving.
 */
export async function visitAll<T>(items: PromptIterator<T>, visit: (item: T) => unknown): Promise<void> {
  for (;;) {
    const coming = items.next();
    const { done, value } = coming instanceof Promise ? await coming : coming;
    if (done === true) return;
    let isEnough: unknown;
    try {
      const visited = visit(value);
      isEnough = visited instanceof Promise ? await visited : visited;
    } catch (error) {
      await items.return().catch(() => {});
      throw error;
    }
    if (isEnough === true) {
      await items.return();
      return;
    }
  }
}
