import { describe, expect, it } from "vitest";
import { bytesAccess } from "../../src/bytes/random-access.ts";
import { DataType } from "../../src/sif/data-type.ts";
import type { Extra } from "../../src/sif/extra.ts";
import type { SifObject } from "../../src/sif/image.ts";
import { readSif } from "../../src/sif/reader.ts";
import { formatHeader, formatInfo, formatList } from "../../src/sif/text.ts";
import { minimalSif } from "./minimal-sif.ts";

const image = await readSif(bytesAccess(await minimalSif()));

function object(change: Partial<SifObject>): SifObject {
  return { ...image.objects[0]!, ...change };
}

describe("formatList()", () => {
  it("prints the table of Apptainer", () => {
    expect(formatList(image)).toBe(
      `${"-".repeat(78)}
ID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE
${"-".repeat(78)}
1    |1       |NONE    |32176-32208               |Def.FILE
2    |1       |NONE    |32208-32210               |JSON.Generic
3    |1       |NONE    |32768-36864               |FS (Squashfs/*System/amd64)
`,
    );
  });

  it.each<[string, Partial<SifObject>, string]>([
    ["no group", { group: 0 }, "1    |NONE    |NONE    |32176-32208               |Def.FILE"],
    [
      "a link to an object",
      { link: { kind: "object", id: 12 } },
      "1    |1       |12      |32176-32208               |Def.FILE",
    ],
    [
      "a link to a group",
      { link: { kind: "group", group: 1 } },
      "1    |1       |1   (G) |32176-32208               |Def.FILE",
    ],
    [
      "a signature",
      { dataType: DataType.signature, extra: { kind: "signature", hashType: 1, entity: new Uint8Array() } },
      "1    |1       |NONE    |32176-32208               |Signature (SHA-256)",
    ],
    [
      "an encrypted key",
      { dataType: DataType.cryptographicMessage, extra: { kind: "message", format: 2, messageType: 0x200 } },
      "1    |1       |NONE    |32176-32208               |Cryptographic Message (PEM/RSA-OAEP)",
    ],
    [
      "an SBOM",
      { dataType: DataType.sbom, extra: { kind: "sbom", format: 4 } },
      "1    |1       |NONE    |32176-32208               |SBOM (spdx-json)",
    ],
    [
      "a partition of unknown kinds",
      { dataType: DataType.partition, extra: { kind: "partition", fsType: 9, partitionType: 9, arch: 99 } },
      "1    |1       |NONE    |32176-32208               |FS (Unknown/Unknown/unknown)",
    ],
    ["an unknown type", { dataType: 0x4fff }, "1    |1       |NONE    |32176-32208               |Unknown"],
  ])("prints %s", (_what, change, row) => {
    expect(formatList({ ...image, objects: [object(change)] }).split("\n")[3]).toBe(row);
  });
});

describe("formatHeader()", () => {
  it("prints what Apptainer prints", () => {
    expect(formatHeader(image)).toBe(`Launch Script:        #!/usr/bin/env run-singularity
Version:              01
Primary Architecture: amd64
ID:                   00112233-4455-6677-8899-aabbccddeeff
Created At:           2023-11-14 22:13:20 +0000 UTC
Modified At:          2023-11-14 22:13:20 +0000 UTC
Descriptors Free:     45
Descriptors Total:    48
Descriptors Offset:   4096
Descriptors Size:     27 KiB
Data Offset:          32176
Data Size:            5 KiB
`);
  });

  it("leaves out what a deterministic file without launch script and partition lacks", () => {
    const header = {
      ...image.header,
      launchScript: "",
      arch: 0,
      uuid: new Uint8Array(16),
      createdSec: -62_135_596_800,
      modifiedSec: -62_135_596_800,
      dataSize: 1023,
    };
    expect(formatHeader({ ...image, header })).toBe(`Version:            01
Descriptors Free:   45
Descriptors Total:  48
Descriptors Offset: 4096
Descriptors Size:   27 KiB
Data Offset:        32176
Data Size:          1023 B
`);
  });
});

describe("formatHeader() sizes", () => {
  // Measured with `apptainer sif header` 1.4.5.
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1535, "1 KiB"],
    [1536, "2 KiB"],
    [2560, "3 KiB"],
    [1_048_063, "1023 KiB"],
    [1_048_064, "1024 KiB"],
    [1_048_575, "1024 KiB"],
    [1_048_576, "1 MiB"],
    [1_572_863, "1 MiB"],
    [1_572_864, "2 MiB"],
  ])("%i bytes are %s", (dataSize, text) => {
    const header = { ...image.header, dataSize };
    expect(formatHeader({ ...image, header })).toMatch(new RegExp(`^Data Size: +${text}$`, "m"));
  });
});

describe("formatInfo()", () => {
  it("prints a definition", () => {
    expect(formatInfo(image.objects[0]!)).toBe(`  Data Type:    Def.FILE
  ID:           1
  Group ID:     1
  Linked ID:    NONE
  Offset:       32176
  Size:         32
  Created At:   2023-11-14 22:13:20 +0000 UTC
  Modified At:  2023-11-14 22:13:20 +0000 UTC
`);
  });

  it("prints a partition", () => {
    expect(formatInfo(image.objects[2]!)).toContain(`  Data Type:        FS
  ID:               3
`);
    expect(formatInfo(image.objects[2]!)).toContain(`  Filesystem Type:  Squashfs
  Partition Type:   *System
  Architecture:     amd64
`);
  });

  const entity = Buffer.from("433fe984155206bd962725e20e8713472a879943", "hex");
  it.each<[number, Extra, string]>([
    [
      DataType.signature,
      { kind: "signature", hashType: 2, entity },
      "  Hash Type:    SHA-384\n  Entity:       433FE984155206BD962725E20E8713472A879943\n",
    ],
    [DataType.signature, { kind: "signature", hashType: 2, entity: new Uint8Array() }, "  Hash Type:    SHA-384\n"],
    [
      DataType.cryptographicMessage,
      { kind: "message", format: 1, messageType: 0x100 },
      "  Format Type:   OpenPGP\n  Message Type:  Clear Signature\n",
    ],
    [DataType.sbom, { kind: "sbom", format: 8 }, "  Format:       syft-json\n"],
    [DataType.ociBlob, { kind: "oci", digest: "sha256:ab" }, "  Digest:       sha256:ab\n"],
  ])("type %i ends with its details", (dataType, extra, tail) => {
    const text = formatInfo(object({ dataType, extra, link: { kind: "group", group: 1 } }));
    expect(text.endsWith(tail)).toBe(true);
    expect(text).toMatch(/^ {2}Linked ID: +1 \(G\)$/m);
  });
});
