/**
 * Converts Docker and OCI images into SIF files, the container format of Apptainer and SingularityCE, as a
 * stream: open a source, open a sink, `convert`.
 * @packageDocumentation
 */

export type { CredentialOptions } from "./auth/find-credential.ts";
export {
  type BuildDefinitionOptions,
  type BuildDefinitionReport,
  buildDefinition,
  type DefinitionOutput,
} from "./build/build-definition.ts";
export type { Watch } from "./build/container-source.ts";
export type { ConvertTuning } from "./build/tuning.ts";
export type { LayerReport } from "./build/write-sif.ts";
export {
  type BuildSandboxOptions,
  type BuildSandboxReport,
  buildSandbox,
  type SandboxSource,
} from "./build-sandbox.ts";
export { type ByteString, displayBytes, toByteString } from "./bytes/byte-string.ts";
export { currentFolder } from "./bytes/current-folder.ts";
export { escapeName } from "./bytes/escape-name.ts";
export { openStream } from "./bytes/open-stream.ts";
export { printable, printableLines } from "./bytes/printable.ts";
export { type RandomAccess, withFileAccess } from "./bytes/random-access.ts";
export { type ReadWholeOptions, readWholeFile, readWholeStream, readWholeText } from "./bytes/read-whole.ts";
export { streamChunks } from "./bytes/stream-chunks.ts";
export { systemReason } from "./bytes/system-reason.ts";
export { BlobCache, type CacheOptions } from "./cache/blob-cache.ts";
export { CACHE_TYPES, type CacheEntry, type CacheType, emptyIndex, listCache } from "./cache/entries.ts";
export { foreignCache } from "./cache/foreign-access.ts";
export { type CacheLocations, cacheLocations } from "./cache/location.ts";
export { sweepReferences } from "./cache/references.ts";
export type { VerifiedEntry } from "./cache/verify-entries.ts";
export { type ContainerFilesView, openContainerFiles } from "./container-files.ts";
export { type ConvertOptions, type ConvertReport, convert } from "./convert.ts";
export { readBuildArgumentFile, readBuildArguments } from "./deffile/build-arguments.ts";
export { decodeDefinition } from "./deffile/decode-definition.ts";
export type {
  App,
  AppScriptName,
  DefinitionFile,
  DefinitionLabel,
  FileGroup,
  FileTransfer,
  HeaderValue,
  Script,
  ScriptName,
  Stage,
} from "./deffile/definition.ts";
export { DeffileError, type DeffileErrorCode, type DefinitionProblem, formatProblem } from "./deffile/errors.ts";
export { type ParsedDefinition, type ParseOptions, parseDefinition, requireValid } from "./deffile/parse-definition.ts";
export { chooseSections, type SectionChoice } from "./deffile/select-sections.ts";
export { type ErrorDetails, InternalError, SifonError } from "./errors.ts";
export { type CheckedPartition, type CheckOptions, type CheckReport, checkImage } from "./image/check.ts";
export {
  type CompareOptions,
  compareImages,
  DIFFERENCE_FIELDS,
  type DifferenceField,
  type FieldChange,
  type ImageDifference,
} from "./image/compare.ts";
export { ImageFileError, type ImageFileErrorCode } from "./image/errors.ts";
export { formatListing, formatMode, type ListOptions, listPath } from "./image/listing.ts";
export { type ImageFile, openImageFile, withImageFile } from "./image/open-image.ts";
export { type ImageFileOptions, imageFile, type RunnableImage } from "./image-file.ts";
export { type InspectOptions, inspectContainer } from "./inspect.ts";
export {
  type DescribeOptions,
  describeSource,
  SOURCE_SECTIONS,
  type SourceDescription,
  type SourceSection,
  sourceSections,
  sourceSectionsJson,
  sourceText,
} from "./inspect-source.ts";
export type { LayerStatistics } from "./layer/merge/contract.ts";
export { MemoryError, type MemoryErrorCode } from "./memory.ts";
export type { ImageConfig } from "./oci/config.ts";
export type { Descriptor } from "./oci/descriptor.ts";
export type { Digest } from "./oci/digest.ts";
export type { Image, ImageSource, Layer, LayerStream, SideCopy } from "./oci/image.ts";
export { pullOutputName } from "./oci/output-name.ts";
export { type Platform, type PlatformOptions, type PlatformRequest, requestPlatform } from "./oci/platform.ts";
export { hasTransport } from "./oci/source-uri.ts";
export type { OnProgress, ProgressEvent } from "./progress.ts";
export { type RebuildOptions, type RebuildReport, rebuild } from "./rebuild.ts";
export { type RecompressOptions, type RecompressReport, recompress } from "./recompress.ts";
export {
  type LoginOptions,
  type LoginPlace,
  listLogins,
  loginToRegistry,
  logoutFromRegistry,
  type StoredLogin,
} from "./registry-login.ts";
export { removeEntry } from "./remove-entry.ts";
export { type GrantedResources, grantedResources, type ReadText } from "./resources.ts";
export {
  type Account,
  type AccountGroup,
  findAccount,
  findGroups,
  groupFile,
  passwdFile,
} from "./runtime/account-files.ts";
export { type ActionRequest, helpText } from "./runtime/action/choose-command.ts";
export { type FoundProgram, findProgram } from "./runtime/action/find-program.ts";
export { diagnoseHost, type HostFinding } from "./runtime/diagnose-host.ts";
export { type Host, probeHost, type SubordinateIds, TOOL_PACKAGES, type Tool } from "./runtime/engine/host.ts";
export { type OpenSessionOptions, openSession } from "./runtime/engine/open-session.ts";
export type {
  IdMapping,
  Mount,
  MountPoint,
  Namespaces,
  Overlay,
  ProgramEnd,
  ProgramPlan,
  RootImage,
  SessionPlan,
} from "./runtime/engine/plan.ts";
export type { EngineSession, ProgramStreams, RunningProgram } from "./runtime/engine/session.ts";
export { type EnvFileResult, evaluateEnvFile } from "./runtime/environment/env-file.ts";
export { parseEnvOption } from "./runtime/environment/env-option.ts";
export {
  type HostEnvironment,
  type HostEnvironmentOptions,
  hostEnvironment,
} from "./runtime/environment/host-environment.ts";
export { RuntimeError, type RuntimeErrorCode } from "./runtime/errors.ts";
export type { RuntimeMessage } from "./runtime/message.ts";
export { type BindSpec, parseBinds, parseMount } from "./runtime/options/binds.ts";
export { parseHome } from "./runtime/options/home.ts";
export { parseDns, parseList, parseNoMount, parseOverlay, parseScratch } from "./runtime/options/lists.ts";
export { type PreparedProgram, prepareProgram } from "./runtime/prepare-program.ts";
export type { ShellOutput } from "./runtime/shell/state.ts";
export { SandboxError, type SandboxErrorCode } from "./sandbox/errors.ts";
export { removeTree } from "./sandbox/remove-tree.ts";
export { makeTemporaryFolder } from "./sandbox/temporary-folder.ts";
export { SifArch } from "./sif/architecture.ts";
export { DataType, dataTypeName, SbomFormat, sbomFormatName } from "./sif/data-type.ts";
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
export { imageTimeSec } from "./sif/identity.ts";
export type { Link, SifHeader, SifImage, SifObject } from "./sif/image.ts";
export { openObjectFile } from "./sif/object-file.ts";
export { getObject, type ReadSifOptions, readSif, streamObject } from "./sif/reader.ts";
export { formatHeader, formatInfo, formatList } from "./sif/text.ts";
export type { NewObject } from "./sif/writer.ts";
export { type CertificateTrust, readCertificates, systemRoots, trustedKey } from "./sign/certificate/certificate.ts";
export { pemSigner } from "./sign/dsse/dsse.ts";
export { isEncryptedPem, readPrivatePem, readPublicPem } from "./sign/dsse/pem-key.ts";
export { IntegrityError, type IntegrityErrorCode, KeyError, type KeyErrorCode } from "./sign/errors.ts";
export { readKeyFile, readKeyText } from "./sign/key-file.ts";
export { addKeysToKeyring, addToKeyring, readKeyring, removeFromKeyring } from "./sign/keyring/keyring.ts";
export { armorKey, type PgpKey, parseUserId, readPgpKeys, type UserIdParts } from "./sign/openpgp/key.ts";
export {
  changePassphrase,
  checkPassphrase,
  generatePgpKey,
  type NewPgpKey,
  publicHalf,
} from "./sign/openpgp/secret-key.ts";
export { pgpSigner } from "./sign/openpgp/sign-text.ts";
export { type SignOptions, signImage } from "./sign/sign-image.ts";
export type { ObjectChoice } from "./sign/signed-image.ts";
export type { ImageSigner } from "./sign/signer.ts";
export { type SignatureResult, type VerifyOptions, verifyImage } from "./sign/verify-image.ts";
export type { BuildRecord, RecordedCounts } from "./singularity-d/build-record.ts";
export { SECTIONS, type Section } from "./singularity-d/container-metadata.ts";
export type { ContainerEntry, ContainerView } from "./singularity-d/container-view.ts";
export { type FileOwner, FileSink, type FileSinkOptions } from "./sink/file-sink.ts";
export { MemorySink } from "./sink/memory-sink.ts";
export { type OpenSinkOptions, openSink } from "./sink/open-sink.ts";
export type { FinishOptions, Sink } from "./sink/sink.ts";
export { createSource } from "./source/open-source.ts";
export type { RetryPolicy, SourceOptions, Timeouts } from "./source/options.ts";
export { MAX_BLOCK_SIZE, MIN_BLOCK_SIZE } from "./squashfs/format.ts";
export { SquashfsReadError, type SquashfsReadErrorCode } from "./squashfs/reader/errors.ts";
export { SquashfsImage } from "./squashfs/reader/image.ts";
export type { Inode } from "./squashfs/reader/inode.ts";
export type { WalkEntry } from "./squashfs/reader/walk.ts";
export { type UnpackedImage, type UnpackedImageOptions, unpackedImage } from "./unpacked-image.ts";
export { verifyCache } from "./verify-cache.ts";
export { VERSION } from "./version.ts";
export type { Compression } from "./wasm/compression.ts";
