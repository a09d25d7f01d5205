import { createHash } from "node:crypto";
import type { Stage } from "../../deffile/definition.ts";
import { probeHost } from "../../runtime/engine/host.ts";
import { VERSION } from "../../version.ts";
import { idMapping } from "../scripts/stage-session.ts";
import type { ImageForm } from "../stage.ts";
import type { CopiedFiles } from "./copied-files.ts";

/** Counts when what an entry holds changes its meaning. */
const FORMAT = 1;

/** What a base's root follows from. */
export interface BaseKeyParts {
  /** What it is made of; see `BaseRoot.contentKey`. */
  readonly base: string;
  /** Keywords become labels. */
  readonly header: Stage["header"];
  readonly form: ImageForm;
  readonly sourceDateEpoch: string | undefined;
}

/** What a stage's root follows from, as far as a build can know it. */
export interface StageKeyParts extends BaseKeyParts {
  /** Without the sections that were not chosen. */
  readonly stage: Stage;
  readonly files: CopiedFiles;
  /** Of the stages that it copies from, by name. */
  readonly earlier: readonly (readonly [name: string, key: string])[];
  readonly force: boolean;
  /** Whether %test has to pass. */
  readonly test: boolean;
}

/** The name of a base in the cache. */
export function baseKey(parts: BaseKeyParts): string {
  return digestOf(["base", ...baseParts(parts)]);
}

/**
 * The name of a stage in the cache. Build arguments count where they were put in; lines and comments do not. What
 * scripts fetch from elsewhere is not known, as with every cache of this kind.
 */
export function stageKey(parts: StageKeyParts): string {
  const { stage, files, earlier, force, test } = parts;
  const { scripts, labels, apps } = stage;
  return digestOf([
    "stage",
    ...baseParts(parts),
    builder(),
    ...[scripts, labels, stage.files, apps, files, earlier, force, test && scripts.test !== undefined],
  ]);
}

function baseParts({ base, header, form, sourceDateEpoch }: BaseKeyParts): unknown[] {
  const { compression, blockSize } = form;
  return [FORMAT, VERSION, base, [...header], compression, blockSize, sourceDateEpoch ?? ""];
}

/** Who exists in the container's scripts, and so who may own what they make. */
function builder(): unknown {
  const host = probeHost();
  const ids = idMapping(host);
  return [host.uid, host.gid, ids, ids === "subordinate" ? [host.subordinateUids, host.subordinateGids] : []];
}

/** Where in the file something stands changes nothing. */
function digestOf(parts: readonly unknown[]): string {
  const text = JSON.stringify(parts, (name, value: unknown) =>
    name === "line" || name === "index" ? undefined : value,
  );
  return createHash("sha256").update(text).digest("hex");
}
