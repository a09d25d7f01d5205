import { readFileSync } from "node:fs";
import { DataType } from "../../src/sif/data-type.ts";
import { SifWriter } from "../../src/sif/writer.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";

/** The squashfs of an empty root, 4096 bytes. */
export function emptyRootSquashfs(): Uint8Array {
  const hex = readFileSync(new URL("../../fixtures/golden/sif/empty-root.squashfs.hex", import.meta.url), "utf8");
  const bytes = new Uint8Array(4096);
  bytes.set(Buffer.from(hex.replace(/\s/g, ""), "hex"));
  return bytes;
}

/** A whole SIF of three objects: definition, `oci-config.json`, an empty root. */
export async function minimalSif(): Promise<Uint8Array> {
  const sink = new MemorySink();
  const writer = await SifWriter.begin(sink, {
    uuid: Buffer.from("00112233445566778899aabbccddeeff", "hex"),
    timeSec: 1_700_000_000,
  });
  await writer.add({ dataType: DataType.definition }, Buffer.from("bootstrap: docker\nfrom: alpine\n\n"));
  await writer.add({ dataType: DataType.genericJson, name: "oci-config.json" }, Buffer.from("{}"));
  const partition = await writer.beginPartition();
  await partition.write(emptyRootSquashfs());
  await writer.endPartition(2);
  await writer.finish();
  return sink.bytes;
}
