import { MAX_MATCH, WINDOW } from "../deflate/symbols";
import { INPUT, ROWS, tree } from "../memory";
import { extend } from "./match";

// The match finder of the near-optimal parse: a binary search tree per 4-byte hash, newest position at the
// root, ordered by the bytes that follow. One walk down both finds the longest match per distance and
// splits the tree around the new root. Nodes are the low 16 bits of an address; a link that leads 32768 or
// more bytes back ends the branch.

const HASH_FACTOR: u32 = 0x9e3779b1;
/** u32[65536] roots, whole addresses, 0 for none, in the main table. */
const ROOT_BITS: u32 = 16;
export const ROOTS_SIZE: usize = 4 << ROOT_BITS;

function linksOf(at: usize): usize {
  return tree + ((at & (WINDOW - 1)) << 2);
}

/**
 * A link that the node at `at` takes over from an older one. A dead one must die anew: 32768 bytes after
 * its node is gone, its 16 bits would name a position again.
 */
function renewed(at: usize, link: u16): usize {
  return ((at - <usize>link) & 0xffff) < WINDOW ? <usize>link : at - WINDOW;
}

/**
 * Enters `at` and appends its matches of 4 bytes and more, longer ones further back, at `cursor` (none
 * unless `cursorLimit` lies behind it). Returns the new end of the matches.
 * @param depth nodes to visit
 * @param nice a match this long ends the walk
 */
export function enterTree(at: usize, stop: usize, depth: u32, nice: u32, cursor: usize, cursorLimit: usize): usize {
  const most = min<u32>(MAX_MATCH, <u32>(stop - at));
  const enough = min(nice, most);
  const root = ROWS + (((load<u32>(at) * HASH_FACTOR) >>> (32 - ROOT_BITS)) << 2);
  let candidate = <usize>load<u32>(root);
  store<u32>(root, <u32>at);
  let end = cursor;
  // Links to fill: the branch of smaller bytes, and of greater ones.
  let smaller = linksOf(at);
  let greater = smaller + 2;
  let smallerLength: u32 = 0;
  let greaterLength: u32 = 0;
  let longest: u32 = 3;
  let left = depth;
  while (candidate >= INPUT && at - candidate < WINDOW && left-- > 0) {
    const links = linksOf(candidate);
    const length = extend(candidate, at, min(smallerLength, greaterLength), most);
    if (length > longest) {
      longest = length;
      if (end < cursorLimit) {
        store<u32>(end, (length << 16) | <u32>(at - candidate - 1));
        end += 4;
      }
    }
    if (length >= enough) {
      // As good as equal: the new node takes the candidate's place.
      store<u16>(smaller, renewed(at, load<u16>(links)));
      store<u16>(greater, renewed(at, load<u16>(links, 2)));
      return end;
    }
    if (load<u8>(candidate + length) < load<u8>(at + length)) {
      store<u16>(smaller, candidate);
      smaller = links + 2;
      smallerLength = length;
      candidate = at - ((at - <usize>load<u16>(smaller)) & 0xffff);
    } else {
      store<u16>(greater, candidate);
      greater = links;
      greaterLength = length;
      candidate = at - ((at - <usize>load<u16>(greater)) & 0xffff);
    }
  }
  store<u16>(smaller, at - WINDOW);
  store<u16>(greater, at - WINDOW);
  return end;
}
