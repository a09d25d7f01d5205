/** A source that lets this pass is slow: shorter waits are between any two chunks of a connection. */
const STARVED_AFTER_MS = 10;

/** Passes chunks on, and calls where the next one lets itself be waited for. */
export async function* tellStarvation(
  chunks: AsyncIterable<Uint8Array>,
  onStarved: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let isWaiting = true;
  const timer = setTimeout(() => {
    if (isWaiting) onStarved();
  }, STARVED_AFTER_MS);
  try {
    for await (const chunk of chunks) {
      isWaiting = false;
      yield chunk;
      isWaiting = true;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
  }
}
