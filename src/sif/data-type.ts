/** What an object is: the first field of its descriptor. */
export const DataType = {
  definition: 0x4001,
  environment: 0x4002,
  labels: 0x4003,
  partition: 0x4004,
  signature: 0x4005,
  genericJson: 0x4006,
  generic: 0x4007,
  cryptographicMessage: 0x4008,
  sbom: 0x4009,
  ociRootIndex: 0x400a,
  ociBlob: 0x400b,
} as const;

/** File systems of partitions, as `extra` of type 0x4004 tells them. */
export const FsType = { squashfs: 1, ext3: 2, archive: 3, raw: 4, encryptedSquashfs: 5, gocryptfsSquashfs: 6 } as const;

/** What a partition is for; a SIF has at most one `primarySystem`. */
export const PartitionType = { system: 1, primarySystem: 2, data: 3, overlay: 4 } as const;

/** Hash functions that a signature object may name. */
export const HashType = { sha256: 1, sha384: 2, sha512: 3, blake2s256: 4, blake2b256: 5 } as const;

/** Encodings of cryptographic messages. */
export const MessageFormat = { openPgp: 1, pem: 2 } as const;

/** Kinds of cryptographic messages. */
export const MessageType = { clearSignature: 0x100, rsaOaep: 0x200 } as const;

/** Formats of software bills of materials. */
export const SbomFormat = {
  cyclonedxJson: 1,
  cyclonedxXml: 2,
  githubJson: 3,
  spdxJson: 4,
  spdxRdf: 5,
  spdxTagValue: 6,
  spdxYaml: 7,
  syftJson: 8,
} as const;

type Names = ReadonlyMap<number, string>;

// Names as `apptainer sif list` 1.4.5 prints them.
const DATA_TYPE_NAMES: Names = new Map([
  [DataType.definition, "Def.FILE"],
  [DataType.environment, "Env.Vars"],
  [DataType.labels, "JSON.Labels"],
  [DataType.partition, "FS"],
  [DataType.signature, "Signature"],
  [DataType.genericJson, "JSON.Generic"],
  [DataType.generic, "Generic/Raw"],
  [DataType.cryptographicMessage, "Cryptographic Message"],
  [DataType.sbom, "SBOM"],
  [DataType.ociRootIndex, "OCI.RootIndex"],
  [DataType.ociBlob, "OCI.Blob"],
]);

const FS_TYPE_NAMES: Names = new Map([
  [FsType.squashfs, "Squashfs"],
  [FsType.ext3, "Ext3"],
  [FsType.archive, "Archive"],
  [FsType.raw, "Raw"],
  [FsType.encryptedSquashfs, "Encrypted squashfs"],
  [FsType.gocryptfsSquashfs, "Gocryptfs squashfs"],
]);

const PARTITION_TYPE_NAMES: Names = new Map([
  [PartitionType.system, "System"],
  [PartitionType.primarySystem, "*System"],
  [PartitionType.data, "Data"],
  [PartitionType.overlay, "Overlay"],
]);

const HASH_TYPE_NAMES: Names = new Map([
  [HashType.sha256, "SHA-256"],
  [HashType.sha384, "SHA-384"],
  [HashType.sha512, "SHA-512"],
  [HashType.blake2s256, "BLAKE2s-256"],
  [HashType.blake2b256, "BLAKE2b-256"],
]);

const MESSAGE_FORMAT_NAMES: Names = new Map([
  [MessageFormat.openPgp, "OpenPGP"],
  [MessageFormat.pem, "PEM"],
]);

const MESSAGE_TYPE_NAMES: Names = new Map([
  [MessageType.clearSignature, "Clear Signature"],
  [MessageType.rsaOaep, "RSA-OAEP"],
]);

const SBOM_FORMAT_NAMES: Names = new Map([
  [SbomFormat.cyclonedxJson, "cyclonedx-json"],
  [SbomFormat.cyclonedxXml, "cyclonedx-xml"],
  [SbomFormat.githubJson, "github-json"],
  [SbomFormat.spdxJson, "spdx-json"],
  [SbomFormat.spdxRdf, "spdx-rdf"],
  [SbomFormat.spdxTagValue, "spdx-tag-value"],
  [SbomFormat.spdxYaml, "spdx-yaml"],
  [SbomFormat.syftJson, "syft-json"],
]);

const naming =
  (names: Names) =>
  (code: number): string =>
    names.get(code) ?? "Unknown";

/** Names of codes as people know them from `sif list`; "Unknown" for codes that no tool has given a name. */
export const dataTypeName: (code: number) => string = naming(DATA_TYPE_NAMES);
/** Names of file systems as `sif list` and `sif info` print them; `Unknown` for other codes. */
export const fsTypeName: (code: number) => string = naming(FS_TYPE_NAMES);
/** Names of partition types as `sif list` and `sif info` print them; `Unknown` for other codes. */
export const partitionTypeName: (code: number) => string = naming(PARTITION_TYPE_NAMES);
/** Names of hash functions as `sif list` and `sif info` print them; `Unknown` for other codes. */
export const hashTypeName: (code: number) => string = naming(HASH_TYPE_NAMES);
/** Names of message formats as `sif list` and `sif info` print them; `Unknown` for other codes. */
export const messageFormatName: (code: number) => string = naming(MESSAGE_FORMAT_NAMES);
/** Names of message types as `sif list` and `sif info` print them; `Unknown` for other codes. */
export const messageTypeName: (code: number) => string = naming(MESSAGE_TYPE_NAMES);
/** Names of bills of materials as `sif list` and `sif info` print them; `Unknown` for other codes. */
export const sbomFormatName: (code: number) => string = naming(SBOM_FORMAT_NAMES);
