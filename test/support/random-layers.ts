import fc from "fast-check";
import type { EntryKind, TarEntry } from "../../src/tar/entry.ts";
import { entry } from "./entries.ts";

export interface LayerShape {
  readonly maxLayers: number;
  readonly maxEntries: number;
  readonly names: readonly string[];
  readonly maxDepth: number;
  /** Entry kinds by how often they come. */
  readonly weights: Readonly<Partial<Record<EntryKind | "whiteout" | "opaque", number>>>;
  readonly symlinkTargets: readonly string[];
}

interface Draft {
  readonly what: EntryKind | "whiteout" | "opaque";
  readonly path: readonly string[];
  readonly target: readonly string[];
  readonly symlinkTarget: string;
  readonly asHardlink: boolean;
  /** Which earlier path a hard link points at; one in four takes `target` instead, which may be anything. */
  readonly pick: number;
}

/** Random layers over few names, so that paths meet; metadata is different for every entry. */
export function randomLayers(shape: LayerShape): fc.Arbitrary<TarEntry[][]> {
  const name = fc.constantFrom(...shape.names);
  const path = fc.array(name, { minLength: 1, maxLength: shape.maxDepth });
  const whats = Object.entries(shape.weights).map(([what, weight]) => ({
    weight,
    arbitrary: fc.constant(what as Draft["what"]),
  }));
  const draft: fc.Arbitrary<Draft> = fc.record({
    what: fc.oneof(...whats),
    path,
    target: path,
    symlinkTarget: fc.constantFrom(...shape.symlinkTargets),
    asHardlink: fc.boolean(),
    pick: fc.nat(),
  });
  const layer = fc.array(draft, { maxLength: shape.maxEntries });
  return fc.array(layer, { minLength: 1, maxLength: shape.maxLayers }).map((layers) => {
    let serial = 0;
    const paths: (readonly string[])[] = [];
    const aim = (d: Draft): Draft => {
      const aimed = d.pick % 4 === 0 ? d.target : paths[(d.pick >>> 2) % paths.length];
      if (d.what === "file" || d.what === "hardlink" || d.what === "symlink") paths.push(d.path);
      return { ...d, target: aimed ?? d.target };
    };
    const made = layers.map((drafts) => drafts.map((d) => toEntry(aim(d), ++serial)));
    return Object.assign(made, { [fc.toStringMethod]: () => showLayers(made) });
  });
}

function toEntry(draft: Draft, serial: number): TarEntry {
  const path = draft.path.join("/");
  const meta = { mode: serial & 0o777, uid: serial, gid: 1, mtimeSec: 1000 + serial };
  switch (draft.what) {
    case "whiteout":
    case "opaque": {
      const marker =
        draft.what === "opaque"
          ? `${path}/.wh..wh..opq`
          : [...draft.path.slice(0, -1), `.wh.${draft.path.at(-1)}`].join("/");
      return draft.asHardlink ? entry("hardlink", marker, { linkName: draft.target.join("/") }) : entry("file", marker);
    }
    case "hardlink":
      return entry("hardlink", path, { ...meta, linkName: draft.target.join("/") });
    case "symlink":
      return entry("symlink", path, { ...meta, linkName: draft.symlinkTarget });
    case "file":
      return entry("file", path, { ...meta, content: `content ${serial}`, streamed: serial % 3 === 0 });
    default:
      return entry(draft.what, path, { ...meta, deviceMajor: draft.what === "charDevice" ? serial : 0 });
  }
}

/** Layers in a form that can be pasted into a regression test. */
export function showLayers(layers: readonly (readonly TarEntry[])[]): string {
  return layers
    .map((entries) => {
      const lines = entries.map(
        ({ kind, path, linkName }) => `    ${kind} ${path}${linkName === "" ? "" : ` -> ${linkName}`}`,
      );
      return `  layer:\n${lines.join("\n")}`;
    })
    .join("\n");
}
