import { setFlagsFromString } from "node:v8";

/** What lets V8 optimise hot functions of WebAssembly, or not; a module keeps what was set when it was compiled. */
const WASM_TIERING = ["wasm-dynamic-tiering", "wasm-tier-up"] as const;

/**
 * What a function executes before V8 optimises it, in bytes of its code; V8's own is 67,584. A run is over in
 * seconds, and what is hot in it is WebAssembly or native: optimising 320 small functions takes 9 % of its
 * processor time, in threads beside ours, and gives half of that back. Measured: 2 to 3 % less in all; from a
 * million on nothing more is gained.
 */
const OPTIMISE_AFTER = 400_000;

/**
 * Keeps the collector's young generation at its first 1 MiB: next to nothing of what a stream allocates outlives
 * its block, so that a larger one only takes memory (15 MiB at its limit) and lets dead buffers wait for longer.
 * V8 looks at the flag whenever it would grow, and every new thread sets it back.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * Tells V8 to spare memory in this process: 20 to 40 MiB of RSS at equal processor time. The library does not
 * do this, as flags are the process owner's. To be called before much is loaded, which makes the heap grow.
 */
export function spareMemory(): void {
  keepYoungGenerationSmall();
  process.on("worker", (worker) => worker.once("online", keepYoungGenerationSmall));
  // Full collections at a heap 20 % larger than what the last one left, not 100 %: 10 MiB less for a million files.
  setFlagsFromString("--heap-growing-percent=20");
  setFlagsFromString(`--interrupt-budget=${OPTIMISE_AFTER}`);
  // undici parses HTTP in a WebAssembly module with one huge function: optimising that takes 30 MiB for a fraction of
  // a second (after 500 MB received, say), and gains nothing where bodies go by in large pieces.
  for (const flag of WASM_TIERING) setFlagsFromString(`--no-${flag}`);
}

/** From here on, what is hot in WebAssembly modules is optimised: the next one is the encoder. */
export function optimiseWasm(): void {
  for (const flag of WASM_TIERING) setFlagsFromString(`--${flag}`);
}
