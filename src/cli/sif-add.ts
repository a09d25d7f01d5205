import { DataType, type Extra, type Link, type NewObject, SbomFormat, SifArch, sbomFormatName } from "../index.ts";
import { type GoIntegerType, INT, INT32, parseGoInteger, UINT32 } from "./go-integer.ts";
import type { OptionSpec } from "./options.ts";

/** Apptainer's, which knows no environment variables for them. */
export const ADD_OPTIONS: readonly OptionSpec[] = [
  {
    flags: "--datatype <number>",
    description:
      "the type of data to add [needed]: 1-Deffile, 2-EnvVar, 3-Labels, 4-Partition, 5-Signature, 6-GenericJSON, 7-Generic, 8-CryptoMessage, 9-SBOM, 10-OCI.RootIndex, 11-OCI.Blob",
  },
  { flags: "--filename <name>", description: "name of the object (default: none)" },
  { flags: "--groupid <number>", description: "group of the object (default: 0, none)" },
  { flags: "--link <number>", description: "object that it refers to (default: 0, none)" },
  { flags: "--alignment <bytes>", description: "alignment of its place (default: 4096 for partitions)" },
  { flags: "--partfs <number>", description: "file system of a partition: 1-Squash, 2-Ext3, 3-ImmuObj, 4-Raw" },
  { flags: "--parttype <number>", description: "type of a partition: 1-System, 2-PrimSys, 3-Data, 4-Overlay" },
  {
    flags: "--partarch <number>",
    description:
      "architecture of a partition: 1-386, 2-amd64, 3-arm, 4-arm64, 5-ppc64, 6-ppc64le, 7-mips, 8-mipsle, 9-mips64, 10-mips64le, 11-s390x, 12-riscv64",
  },
  {
    flags: "--signhash <number>",
    description: "hash of a signature: 1-SHA256, 2-SHA384, 3-SHA512, 4-BLAKE2s_256, 5-BLAKE2b_256",
  },
  { flags: "--signentity <fingerprint>", description: "who signs: 40 hexadecimal digits" },
  {
    flags: "--sbomformat <name>",
    description: `format of an SBOM: ${Object.values(SbomFormat).map(sbomFormatName).join(", ")}`,
  },
];

/** The values of {@link ADD_OPTIONS} as given. */
export type AddOptions = Readonly<
  Partial<
    Record<
      | "datatype"
      | "filename"
      | "groupid"
      | "link"
      | "alignment"
      | "partfs"
      | "parttype"
      | "partarch"
      | "signhash"
      | "signentity"
      | "sbomformat",
      string
    >
  >
>;

const FIRST_TYPE: number = DataType.definition;
const LAST_TYPE: number = DataType.ociBlob;
const GROUP_MASK = 0xf000_0000;
const FINGERPRINT_SIZE = 20;
const MAX_NAME_SIZE = 128;
const MAX_HASH_TYPE = 5;

/** Go's types of these flags: `int` for those that are not named. */
const NUMBER_TYPES: Partial<Record<keyof AddOptions, GoIntegerType>> = {
  ...{ groupid: UINT32, link: UINT32 },
  ...{ partfs: INT32, parttype: INT32, partarch: INT32, signhash: INT32 },
};

/** All numbers of {@link ADD_OPTIONS}, also those that the data type does not ask for: each has to be one. */
const NUMBERS = ["datatype", "groupid", "link", "alignment", "partfs", "parttype", "partarch", "signhash"] as const;
type NumberName = (typeof NUMBERS)[number];

/** The object that the options describe; a TypeError in Apptainer's words where they do not fit each other. */
export function newObject(options: AddOptions): NewObject {
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, readNumber(name, options[name])]));
  const number = (name: NumberName): number => numbers[name] ?? 0;
  const dataType = FIRST_TYPE - 1 + number("datatype");
  if (dataType < FIRST_TYPE || dataType > LAST_TYPE) {
    throw new TypeError("-datatype flag is required with a valid range");
  }
  const name = options.filename ?? "";
  if (Buffer.byteLength(name) > MAX_NAME_SIZE) throw new TypeError("name value too large");
  const extra = extraOf(dataType, options, number);
  return {
    dataType,
    name,
    group: withoutMask(number("groupid")),
    link: linkOf(options.link === undefined ? undefined : number("link")),
    ...(extra === undefined ? {} : { extra }),
    // None and less than none: as it comes, also for partitions.
    ...(options.alignment === undefined ? {} : { alignment: Math.max(number("alignment"), 1) }),
  };
}

function readNumber(name: NumberName, text: string | undefined): number {
  if (text === undefined) return 0;
  const value = parseGoInteger(text, NUMBER_TYPES[name] ?? INT);
  if (typeof value === "string") throw new TypeError(`invalid argument "${text}" for "--${name}" flag: ${value}`);
  return Number(value);
}

const withoutMask = (word: number): number => (word & ~GROUP_MASK) >>> 0;

function linkOf(word: number | undefined): Link {
  if (word === undefined) return { kind: "none" };
  if (word === 0) throw new TypeError("invalid object ID");
  return word >= GROUP_MASK ? { kind: "group", group: withoutMask(word) } : { kind: "object", id: word };
}

function extraOf(dataType: number, options: AddOptions, number: (name: NumberName) => number): Extra | undefined {
  switch (dataType) {
    case DataType.partition: {
      const [fsType, partitionType, arch] = [number("partfs"), number("parttype"), number("partarch")];
      if (fsType === 0 || partitionType === 0 || arch === 0) {
        throw new TypeError("with partition datatype, --partfs, --parttype and --partarch must be passed");
      }
      if (!(Object.values(SifArch) as number[]).includes(arch)) throw new TypeError("unknown architecture: unknown");
      return { kind: "partition", fsType, partitionType, arch };
    }
    case DataType.signature: {
      const hashType = number("signhash");
      if (hashType < 1 || hashType > MAX_HASH_TYPE) throw new TypeError(`invalid hash type: ${hashType}`);
      return { kind: "signature", hashType, entity: fingerprint(options.signentity ?? "") };
    }
    case DataType.cryptographicMessage:
      return { kind: "message", format: 0, messageType: 0 };
    case DataType.sbom: {
      if (options.sbomformat === undefined) throw new TypeError("with SBOM datatype, --sbomformat must be passed");
      const format = Object.values(SbomFormat).find((code) => sbomFormatName(code) === options.sbomformat);
      if (format === undefined) throw new TypeError(`invalid SBOM format: ${options.sbomformat}`);
      return { kind: "sbom", format };
    }
    case DataType.ociRootIndex:
    case DataType.ociBlob:
      return undefined; // The digest of what is added.
    default:
      return { kind: "none" };
  }
}

function fingerprint(text: string): Uint8Array {
  const wrong = /[^\da-f]/i.exec(text)?.[0];
  if (wrong !== undefined) {
    const code = (wrong.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    throw new TypeError(
      `failed to decode signing entity fingerprint: encoding/hex: invalid byte: U+${code} '${wrong}'`,
    );
  }
  if (text.length % 2 === 1) {
    throw new TypeError("failed to decode signing entity fingerprint: encoding/hex: odd length hex string");
  }
  const bytes = Buffer.from(text, "hex");
  if (bytes.length !== FINGERPRINT_SIZE) {
    throw new TypeError(`invalid signing entity fingerprint length: got ${bytes.length}, want ${FINGERPRINT_SIZE}`);
  }
  return bytes;
}
