import type { EncodedBlock } from "../wasm/block-encoder.ts";
import { DATA_STORED } from "./format.ts";

/** A block's size as block lists and the fragment table hold it. */
export function sizeWord(block: EncodedBlock): number {
  return block.bytes.length | (block.stored ? DATA_STORED : 0);
}

/** The same for a block that lies in an image. */
export function sizeWordOnDisk({ diskSize, stored }: { readonly diskSize: number; readonly stored: boolean }): number {
  return diskSize | (stored ? DATA_STORED : 0);
}
