import { FAST_TABLE_SIZE, fastParse } from "../inline/fast-parse";
import { ROWS } from "../memory";

/** The fast level's parse; see the template. */
export function parseFast(size: u32): usize {
  memory.fill(ROWS, 0, FAST_TABLE_SIZE);
  return fastParse(size);
}
