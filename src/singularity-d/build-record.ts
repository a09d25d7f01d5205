/**
 * What a build tells of itself, so that a reader can tell whether the file is still what was built. It is the
 * member `sifon` of the SIF object `inspect-metadata.json`, which Apptainer and SingularityCE read past: no
 * object of theirs changes its place or its content.
 */
export interface BuildRecord extends ImageOrigin {
  /** Of Sifon. */
  readonly version: string;
  readonly counts: RecordedCounts;
}

/** The image of a registry or the like that a container is, or that its definition builds upon. */
export interface ImageOrigin {
  /** Digest of the image manifest; at first hand, or by way of another SIF. */
  readonly manifest?: string;
  /** Digest of the image config; likewise. */
  readonly config?: string;
  /**
   * Digests of the layers, lowest first: of their tars (diffIDs), which are the same wherever the image comes
   * from; as stored where its config has none. Empty where there is no manifest.
   */
  readonly layers: readonly string[];
}

/** What is in the root partition, whatever compresses it: another compressor leaves the record true. */
export interface RecordedCounts {
  /** Inodes by kind, those that there are none of left out; hard links count once. */
  readonly inodes: Readonly<Record<string, number>>;
  /** Names, the root included. */
  readonly entries: number;
  /** Bytes of all regular files, those of hard links for each name. */
  readonly fileSize: number;
}

const MEMBER = "sifon";
const INODE_KINDS = ["directory", "file", "symlink", "blockDevice", "charDevice", "fifo", "socket"] as const;
const OTHER_COUNTS = ["entries", "fileSize"] as const;

/** Counts that are not known yet: those that follow are at most as long as text. */
export const UNKNOWN_COUNTS: RecordedCounts = {
  inodes: Object.fromEntries(INODE_KINDS.map((kind) => [kind, Number.MAX_SAFE_INTEGER])),
  entries: Number.MAX_SAFE_INTEGER,
  fileSize: Number.MAX_SAFE_INTEGER,
};

/**
 * Adds the record to the text of the metadata object, which is made longer by spaces where it is shorter than
 * `size`: so the counts can be put in when they are known, without moving anything.
 */
export function withBuildRecord(metadata: string, record: BuildRecord, size = 0): string {
  const { counts } = record;
  const inodes = Object.fromEntries(Object.entries(counts.inodes).filter(([, count]) => count > 0));
  const member = JSON.stringify({ ...record, counts: { ...counts, inodes } });
  const text = `${metadata.slice(0, -1)},${JSON.stringify(MEMBER)}:${member}}`;
  return text + " ".repeat(Math.max(0, size - Buffer.byteLength(text)));
}

/** The record in a metadata object that was parsed, or undefined where there is none that can be read. */
export function readBuildRecord(metadata: unknown): BuildRecord | undefined {
  const record = memberOf(metadata, MEMBER);
  if (readOrigin(record) === undefined) return undefined;
  const counts = memberOf(record, "counts");
  const others = OTHER_COUNTS.map((name) => memberOf(counts, name));
  const inodes = memberOf(counts, "inodes");
  if (typeof inodes !== "object" || inodes === null || ![...others, ...Object.values(inodes)].every(Number.isInteger)) {
    return undefined;
  }
  return record as BuildRecord;
}

/** What a record, or an object like one, says of the image; undefined where it says nothing that can be read. */
export function readOrigin(record: unknown): ImageOrigin | undefined {
  const [manifest, config, layers] = ["manifest", "config", "layers"].map((name) => memberOf(record, name));
  if (!isDigest(manifest) || !isDigest(config)) return undefined;
  if (!Array.isArray(layers) || !layers.every((digest) => typeof digest === "string")) return undefined;
  return {
    ...(manifest === undefined ? {} : { manifest }),
    ...(config === undefined ? {} : { config }),
    layers,
  };
}

const isDigest = (value: unknown): value is string | undefined => value === undefined || typeof value === "string";

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
