import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect: unknown = runInNewContext("gc");

/** Bytes of the heap and of array buffers that are in use after a full collection; garbage does not count. */
export function liveMemory(): number {
  if (typeof collect !== "function") throw new Error("this Node has no gc()");
  // The first collection finds the dead buffers, the second waits until they are given back.
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
