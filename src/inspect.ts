import { lstat, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type ByteString, toByteString } from "./bytes/byte-string.ts";
import { systemReason } from "./bytes/system-reason.ts";
import { directoryView } from "./image/directory-view.ts";
import { ImageFileError } from "./image/errors.ts";
import { type ImageFile, withImageFile } from "./image/open-image.ts";
import { squashfsView } from "./image/squashfs-view.ts";
import type { OnProgress } from "./progress.ts";
import { findDefinition, findJson } from "./sif/image.ts";
import { readObject } from "./sif/reader.ts";
import {
  type ContainerMetadata,
  NO_SECTIONS,
  parseMetadata,
  SECTIONS,
  type Section,
  type SectionTexts,
} from "./singularity-d/container-metadata.ts";
import { metadataJson, metadataText } from "./singularity-d/metadata-text.ts";
import { readSections } from "./singularity-d/read-sections.ts";
import { goStreamProblem } from "./singularity-d/scan-go-json.ts";

/** What `inspect` is to tell of a container. */
export interface InspectOptions {
  /** Default `labels`, unless one of the other options asks for something. */
  readonly sections?: readonly Section[];
  readonly deffile?: boolean;
  readonly listApps?: boolean;
  /** Sections of this SCIF app in place of the container's. */
  readonly app?: string | undefined;
  /** Everything, apps included, as JSON. */
  readonly all?: boolean;
  readonly json?: boolean;
  /** Told of what cannot be read and is left out. */
  readonly onProgress?: OnProgress;
}

/**
 * What `apptainer inspect` prints of a SIF, a SquashFS file or a sandbox, byte for byte: what the SIF says of
 * itself where it does, else what the container's files say.
 * @throws ImageFileError IMAGE_UNREADABLE, IMAGE_FORMAT_UNKNOWN; SifError, SquashfsReadError where the image is damaged
 */
export async function inspectContainer(path: string, options: InspectOptions): Promise<Uint8Array> {
  const { all = false, listApps = false, json = false } = options;
  const app = options.app === undefined || options.app === "" ? undefined : toByteString(options.app);
  const metadata = await readMetadata(path, selectionOf(options, app), options.onProgress ?? (() => {}));
  return all || json
    ? Buffer.from(`${metadataJson(metadata, { indent: "\t" })}\n`, "utf8")
    : Buffer.from(metadataText(metadata, { listApps, app }), "latin1");
}

interface Selection {
  readonly sections: ReadonlySet<Section>;
  readonly deffile: boolean;
  readonly listApps: boolean;
  readonly app: ByteString | undefined;
  readonly all: boolean;
}

function selectionOf(options: InspectOptions, app: ByteString | undefined): Selection {
  const { sections = [], deffile = false, listApps = false, all = false } = options;
  if (all) return { sections: new Set(SECTIONS), deffile: true, listApps: true, app: undefined, all };
  const nothing = sections.length === 0 && !deffile && !listApps;
  return { sections: new Set(nothing ? ["labels"] : sections), deffile, listApps, app, all };
}

async function readMetadata(path: string, selection: Selection, onProgress: OnProgress): Promise<ContainerMetadata> {
  if (await isDirectory(path)) return readFiles(directoryView(path), selection, onProgress);
  const read = async (image: ImageFile): Promise<ContainerMetadata> => {
    const stored = await storedMetadata(image, onProgress);
    if (stored !== undefined) return select(stored, selection);
    const definition = selection.deffile ? await storedDefinition(image) : undefined;
    // Of a SIF without metadata Apptainer takes the definition file's object, and misses only that.
    if (selection.deffile && definition === undefined && image.sif !== undefined) {
      onProgress({ kind: "warning", message: "No SIF metadata partition, searching in container..." });
    }
    const metadata = await readFiles(squashfsView(await image.root()), selection, onProgress);
    return definition === undefined ? metadata : { ...metadata, deffile: definition };
  };
  // Damage elsewhere in the file does not keep what is asked for from being read.
  return withImageFile(path, read, { impossibleObjects: "keep" });
}

/** The SIF's own definition object, with the newlines at its end, comes before the container's file. */
async function storedDefinition({ sif, source }: ImageFile): Promise<ByteString | undefined> {
  const object = sif === undefined ? undefined : findDefinition(sif);
  return object === undefined ? undefined : Buffer.from(await readObject(source, object)).toString("latin1");
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (cause) {
    // Apptainer's words, with which scripts tell a missing file.
    const seen = await lstat(path).then(
      () => "stat",
      () => "lstat",
    );
    const problem = `failed to retrieve path for ${path}: ${seen} ${resolve(path)}: ${systemReason(cause)}`;
    throw new ImageFileError("IMAGE_UNREADABLE", { path, problem, cause });
  }
}

async function storedMetadata(
  { sif, source }: ImageFile,
  onProgress: OnProgress,
): Promise<ContainerMetadata | undefined> {
  const object = sif === undefined ? undefined : findJson(sif, "inspect-metadata.json");
  if (object === undefined) return undefined;
  const bytes = await readObject(source, object);
  try {
    return parseMetadata(bytes);
  } catch (error) {
    const problem = goStreamProblem(Buffer.from(bytes).toString("latin1")) ?? (error as Error).message;
    const message = `Unable to read inspect-metadata.json SIF descriptor: while decoding inspect metadata: ${problem}`;
    onProgress({ kind: "warning", message });
    return undefined;
  }
}

/** What of a SIF's own record was asked for, with what Apptainer adds to that and leaves out. */
function select(stored: ContainerMetadata, { sections, deffile, listApps, app, all }: Selection): ContainerMetadata {
  const own = app === undefined ? pick(stored, sections) : NO_SECTIONS;
  const one = app === undefined || sections.size === 0 ? undefined : stored.apps.get(app);
  const apps = listApps || all || app === undefined || one === undefined ? [] : [[app, pick(one, sections)] as const];
  return {
    ...own,
    deffile: deffile ? stored.deffile : undefined,
    // A list of apps comes with all that they say.
    apps: listApps ? stored.apps : new Map(apps),
  };
}

function pick(texts: SectionTexts, wanted: ReadonlySet<Section>): SectionTexts {
  return {
    ...NO_SECTIONS,
    ...Object.fromEntries(SECTIONS.filter((one) => wanted.has(one)).map((one) => [one, texts[one]])),
  };
}

function readFiles(
  view: Parameters<typeof readSections>[0],
  { sections, deffile, listApps, app, all }: Selection,
  onProgress: OnProgress,
): Promise<ContainerMetadata> {
  return readSections(view, {
    sections: app === undefined ? sections : new Set(),
    // With an app Apptainer asks the container for that app alone, and a definition is no part of one.
    deffile: deffile && app === undefined,
    listApps,
    ...(all ? { app: { name: "all", sections } } : app === undefined ? {} : { app: { name: app, sections } }),
    onWarning: (message) => onProgress({ kind: "warning", message }),
  });
}
