import { bytes, i32, type Struct, struct } from "../bytes/struct.ts";
import { decodeArch, encodeArch } from "./architecture.ts";
import { DataType } from "./data-type.ts";
import { SifError } from "./errors.ts";

/** Partition: 11 bytes. */
export const PARTITION_EXTRA: Struct<{ fsType: number; partitionType: number; arch: Uint8Array }> = struct({
  fsType: i32,
  partitionType: i32,
  arch: bytes(3),
});

/** Signature: 260 bytes; the entity of an OpenPGP v4 key is its 20-byte fingerprint. */
export const SIGNATURE_EXTRA: Struct<{ hashType: number; entity: Uint8Array }> = struct({
  hashType: i32,
  entity: bytes(256),
});

/** Cryptographic message: 8 bytes. */
export const MESSAGE_EXTRA: Struct<{ format: number; messageType: number }> = struct({ format: i32, messageType: i32 });

/** SBOM: 4 bytes. */
export const SBOM_EXTRA: Struct<{ format: number }> = struct({ format: i32 });

/** What a descriptor says beyond the fields that all types share. */
export type Extra =
  | { readonly kind: "none" }
  | { readonly kind: "partition"; readonly fsType: number; readonly partitionType: number; readonly arch: number }
  | {
      readonly kind: "signature";
      readonly hashType: number;
      /** Fingerprint of the signer, 20 bytes for OpenPGP v4; empty when the key has none. */
      readonly entity: Uint8Array;
    }
  | { readonly kind: "message"; readonly format: number; readonly messageType: number }
  | { readonly kind: "sbom"; readonly format: number }
  | { readonly kind: "oci" /** `sha256:<hex>` as stored. */; readonly digest: string };

const KIND_OF_TYPE: ReadonlyMap<number, Extra["kind"]> = new Map<number, Extra["kind"]>([
  [DataType.partition, "partition"],
  [DataType.signature, "signature"],
  [DataType.cryptographicMessage, "message"],
  [DataType.sbom, "sbom"],
  [DataType.ociRootIndex, "oci"],
  [DataType.ociBlob, "oci"],
]);

/** Decodes the 384 extra bytes of a descriptor of the given type. */
export function decodeExtra(dataType: number, stored: Uint8Array): Extra {
  switch (KIND_OF_TYPE.get(dataType)) {
    case "partition": {
      const { fsType, partitionType, arch } = PARTITION_EXTRA.read(stored);
      return { kind: "partition", fsType, partitionType, arch: decodeArch(arch) };
    }
    case "signature": {
      const { hashType, entity } = SIGNATURE_EXTRA.read(stored);
      return {
        kind: "signature",
        hashType,
        entity: entity.every((byte) => byte === 0) ? new Uint8Array() : entity.slice(0, 20),
      };
    }
    case "message":
      return { kind: "message", ...MESSAGE_EXTRA.read(stored) };
    case "sbom":
      return { kind: "sbom", ...SBOM_EXTRA.read(stored) };
    case "oci": {
      const end = stored.indexOf(0);
      return { kind: "oci", digest: Buffer.from(stored.subarray(0, end < 0 ? stored.length : end)).toString("latin1") };
    }
    case "none":
    case undefined:
      return { kind: "none" };
  }
}

/**
 * Encodes the extra of a new object.
 * @throws SifError EXTRA_INVALID when it does not belong to the data type
 */
export function encodeExtra(dataType: number, extra: Extra): Uint8Array {
  const wanted = KIND_OF_TYPE.get(dataType) ?? "none";
  if (extra.kind !== wanted) {
    throw new SifError("EXTRA_INVALID", {
      reason: `data type 0x${dataType.toString(16)} needs "${wanted}" details, not "${extra.kind}"`,
    });
  }
  switch (extra.kind) {
    case "none":
      return new Uint8Array();
    case "partition":
      return PARTITION_EXTRA.encode({
        fsType: extra.fsType,
        partitionType: extra.partitionType,
        arch: encodeArch(extra.arch),
      });
    case "signature":
      return SIGNATURE_EXTRA.encode(extra);
    case "message":
      return MESSAGE_EXTRA.encode(extra);
    case "sbom":
      return SBOM_EXTRA.encode(extra);
    case "oci":
      return new Uint8Array(Buffer.from(extra.digest, "latin1"));
  }
}
