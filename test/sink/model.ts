import type { Sink } from "../../src/sink/sink.ts";

/** A change of what was written; `at` is a share of it, 0 to 1. */
export type Edit =
  | { readonly kind: "patch"; readonly at: number; readonly size: number }
  | { readonly kind: "rewind"; readonly at: number };

/** Does the same to a sink and to the array of what it should hold; gives the array. */
export async function edit(sink: Sink, model: Buffer<ArrayBuffer>, op: Edit): Promise<Buffer<ArrayBuffer>> {
  if (op.kind === "rewind") {
    const offset = Math.floor(op.at * model.length);
    await sink.rewind(offset);
    return model.subarray(0, offset);
  }
  const length = Math.min(op.size, model.length);
  const offset = Math.floor(op.at * (model.length - length));
  await sink.patch(offset, Buffer.alloc(length, 0xee));
  return model.fill(0xee, offset, offset + length);
}
