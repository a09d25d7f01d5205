import { lazyParse } from "../inline/lazy-parse";
import { HEADS3, HEADS3_BITS, HEADS4, HEADS4_BITS, ROWS } from "../memory";
import { sampledValues } from "./sample";

/** Half of the table's rows: 4 % faster and 0.15 % larger than all of them. */
const ROW_BITS: u32 = 11;
/** Longer matches are not improved on: 65 keeps 0.1 % of size against 32 and 258 gains nothing more. */
const NICE: u32 = 65;
/**
 * The fewer values bytes take, the cheaper are literals, and the nearer a 3-byte match must be: the fourth power
 * of their number, shifted by this, is 300 bytes for prose and 32 KiB for machine code. Saves 0.1 % of machine
 * code and 0.3 % of text against 4 KiB for all.
 */
const FAR3_SHIFT: u32 = 17;
/** So near, a 3-byte match pays whatever literals cost. */
const FAR3_LEAST: u32 = 64;

/** The default level's parse; see the template. */
export function parseLazy(size: u32): usize {
  memory.fill(ROWS, 0, (<usize>64) << ROW_BITS);
  memory.fill(HEADS3, 0, (<usize>2) << HEADS3_BITS);
  memory.fill(HEADS4, 0, (<usize>2) << HEADS4_BITS);
  const values = min<u32>(sampledValues(), 255);
  const far3 = max<u32>((values * values * values * values) >>> FAR3_SHIFT, FAR3_LEAST);
  return lazyParse(size, ROW_BITS, NICE, far3);
}
