/** Names of the limits in {@link TAR_LIMITS}. */
export type TarLimit =
  | "paxSize"
  | "longNameSize"
  | "sparseRegionCount"
  | "extendedHeaderCount"
  | "fileSize"
  | "id"
  | "deviceMajor"
  | "deviceMinor";

/**
 * What a layer's tar may ask for, by name. Each keeps a lying header from costing memory or endless loops.
 * The first three are those of Go's archive/tar (maxSpecialFileSize since CVE-2022-2879, maxSparseFileEntries
 * since CVE-2025-58183): tar programs write beyond them, and a registry takes what they wrote without looking
 * inside, but Docker, containerd and Apptainer would not unpack it.
 */
export const TAR_LIMITS: Readonly<Record<TarLimit, number>> = {
  /** Bytes of one PAX header's records. */
  paxSize: 1 << 20,
  /** Bytes of one GNU long name or long link name. */
  longNameSize: 1 << 20,
  /** Data regions of one sparse file; a map takes 16 bytes for each. */
  sparseRegionCount: 1 << 20,
  /** Extended headers in a row before one entry; two (name and link name) are usual. */
  extendedHeaderCount: 64,
  /** Bytes of a file, holes included: ext4's own limit, 16 TiB. A hole costs no bytes of the tar, but block list entries later. */
  fileSize: 2 ** 44,
  /** Numeric owners are 32 bits wide in squashfs and in Linux. */
  id: 2 ** 32 - 1,
  /** Linux's device numbers have 12 and 20 bits. */
  deviceMajor: 2 ** 12 - 1,
  deviceMinor: 2 ** 20 - 1,
};
