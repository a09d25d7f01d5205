/**
 * Reads, writes and edits SIF files, whatever is in them.
 * @packageDocumentation
 */

export { hostArch } from "./bytes/architecture.ts";
export {
  bytesAccess,
  handleAccess,
  openFileAccess,
  type RandomAccess,
  windowAccess,
  withFileAccess,
} from "./bytes/random-access.ts";
export { archCode, archName, SifArch } from "./sif/architecture.ts";
export {
  DataType,
  dataTypeName,
  FsType,
  fsTypeName,
  HashType,
  hashTypeName,
  MessageFormat,
  MessageType,
  PartitionType,
  partitionTypeName,
  SbomFormat,
} from "./sif/data-type.ts";
export {
  type Addition,
  addObject,
  addObjects,
  type CreateSifOptions,
  createSif,
  deleteObject,
  type EditOptions,
  setPrimaryPartition,
} from "./sif/edit.ts";
export { SifError, type SifErrorCode } from "./sif/errors.ts";
export type { Extra } from "./sif/extra.ts";
export { deriveUuid, formatUuid, imageTimeSec } from "./sif/identity.ts";
export {
  findDefinition,
  findJson,
  findPrimaryPartition,
  type Link,
  type SifHeader,
  type SifImage,
  type SifObject,
} from "./sif/image.ts";
export { getObject, objectAccess, type ReadSifOptions, readObject, readSif, streamObject } from "./sif/reader.ts";
export { formatHeader, formatInfo, formatList } from "./sif/text.ts";
export { type NewObject, SifWriter, type SifWriterOptions } from "./sif/writer.ts";
