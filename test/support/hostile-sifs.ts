import { DataType, HashType } from "../../src/sif/data-type.ts";
import { DESCRIPTOR, DESCRIPTORS_OFFSET, HEADER } from "../../src/sif/layout.ts";
import { SifWriter } from "../../src/sif/writer.ts";
import { MemorySink } from "../../src/sink/memory-sink.ts";
import { soundImage } from "./hostile-images.ts";

const MIB = 2 ** 20;
const METADATA = 2;
const PAYLOAD_TYPE = "application/vnd.sylabs.sif-metadata+json";
const CLEAR_TEXT = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n";
const SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----";

interface Parts {
  readonly definition?: string;
  readonly metadata?: string;
  readonly signature?: string;
}

/** A SIF of a definition (object 1), metadata (2), a file system (3) and, if given, a signature (4). */
export async function hostileSif(partition: Uint8Array, parts: Parts = {}): Promise<Uint8Array> {
  const { definition = "bootstrap: docker\nfrom: alpine\n\n", metadata, signature } = parts;
  const sink = new MemorySink();
  const writer = await SifWriter.begin(sink, { uuid: Buffer.alloc(16, 7), timeSec: 1_700_000_000 });
  await writer.add({ dataType: DataType.definition }, Buffer.from(definition));
  const name = metadata === undefined ? "other" : "inspect-metadata.json";
  await writer.add({ dataType: DataType.genericJson, name }, Buffer.from(metadata ?? "{}"));
  await (await writer.beginPartition()).write(partition);
  await writer.endPartition(2);
  if (signature !== undefined) {
    const extra = { kind: "signature", hashType: HashType.sha256, entity: new Uint8Array(20) } as const;
    const link = { kind: "group", group: 1 } as const;
    await writer.add({ dataType: DataType.signature, group: 0, link, extra }, Buffer.from(signature));
  }
  await writer.finish();
  return sink.bytes;
}

/** A sound SIF with one 64-bit number changed. */
async function changed(offset: number, value: bigint): Promise<Uint8Array> {
  const bytes = Buffer.from(await hostileSif(soundImage(), { metadata: "{}" }));
  bytes.writeBigInt64LE(value, offset);
  return bytes;
}

const descriptor = (id: number, field: keyof typeof DESCRIPTOR.offsets): number =>
  DESCRIPTORS_OFFSET + (id - 1) * DESCRIPTOR.size + DESCRIPTOR.offsets[field];
const metadata = (text: string) => () => hostileSif(soundImage(), { metadata: text });
const signature = (text: string) => () => hostileSif(soundImage(), { signature: text });
const envelope = (payload: string, signatures: string): string =>
  `{"payloadType":"${PAYLOAD_TYPE}","payload":"${payload}","signatures":[${signatures}]}`;

/** SIFs that ask for much memory or time, each as large as the reader's limits just allow. */
export const HOSTILE_SIFS = {
  "2^63 - 1 descriptors": () => changed(HEADER.offsets.descriptorsTotal, 2n ** 63n - 1n),
  "a negative count of descriptors": () => changed(HEADER.offsets.descriptorsTotal, -1n),
  "descriptors where the header is": () => changed(HEADER.offsets.descriptorsOffset, 0n),
  "metadata of 4 PiB": () => changed(descriptor(METADATA, "size"), 2n ** 52n),
  "metadata of a million empty lists": metadata(`[${"[],".repeat(1_000_000)}1]`),
  "metadata two million lists deep": metadata("[".repeat(2_000_000) + "]".repeat(2_000_000)),
  "90,000 labels": metadata(
    `{"data":{"attributes":{"labels":{${Array.from({ length: 45_000 }, (_, i) => `"k${i}":"v"`).join()}}}}}`,
  ),
  "a definition of 5 MiB": () => hostileSif(soundImage(), { definition: "\xff".repeat(5 * MIB) }),
  "a signed line of a million blanks": signature(`${CLEAR_TEXT}${" ".repeat(1_000_000)}x\n${SIGNATURE}`),
  "a signed text of half a million lines": signature(`${CLEAR_TEXT}${"x\n".repeat(480_000)}${SIGNATURE}`),
  "an OpenPGP signature of 750 KB": signature(
    `${CLEAR_TEXT}{}\n${SIGNATURE.replace("AAAA", Array(15_000).fill("A".repeat(64)).join("\n"))}`,
  ),
  "an envelope of 750 KB": signature(envelope("QUFB".repeat(250_000), '{"keyid":"","sig":"AAAA"}')),
  "an envelope with 38,000 signatures": signature(envelope("QUFB", Array(38_000).fill('{"sig":"AAAA"}').join())),
  "an envelope with 340,000 empty objects": signature(envelope("QUFB", Array(340_000).fill("{}").join())),
} satisfies Record<string, () => Promise<Uint8Array>>;
