import type { RandomAccess } from "../bytes/random-access.ts";
import { DataType } from "../sif/data-type.ts";
import type { SifImage, SifObject } from "../sif/image.ts";
import { DESCRIPTOR, HEADER } from "../sif/layout.ts";
import { readSif } from "../sif/reader.ts";
import { coveredDescriptor, coveredHeader } from "./covered-bytes.ts";
import { IntegrityError } from "./errors.ts";

/** A SIF with the stored bytes that signatures cover, and its objects by group. */
export class SignedImage {
  readonly access: RandomAccess;
  readonly image: SifImage;
  readonly #header: Uint8Array;
  readonly #table: Uint8Array;
  readonly #groups = new Map<number, SifObject[]>();

  private constructor(access: RandomAccess, image: SifImage, header: Uint8Array, table: Uint8Array) {
    this.access = access;
    this.image = image;
    this.#header = header;
    this.#table = table;
    for (const object of [...image.objects].sort((a, b) => a.id - b.id)) {
      const members = this.#groups.get(object.group);
      if (members === undefined) this.#groups.set(object.group, [object]);
      else members.push(object);
    }
  }

  /** @throws SifError what `readSif` throws */
  static async read(access: RandomAccess): Promise<SignedImage> {
    // Where a descriptor was changed, its digest tells, whatever it says now.
    const image = await readSif(access, { impossibleObjects: "keep" });
    const { descriptorsOffset: offset, descriptorsTotal } = image.header;
    const needed = descriptorsTotal * DESCRIPTOR.size;
    const table = needed === 0 ? new Uint8Array() : await access.read(offset, needed);
    return new SignedImage(access, image, await access.read(0, HEADER.size), table);
  }

  get coveredHeader(): Uint8Array {
    return coveredHeader(this.#header);
  }

  /** The bytes of an object's descriptor that are signed, as the group it is in has them. */
  coveredDescriptor(object: SifObject): Uint8Array {
    const stored = this.#table.subarray(object.slot * DESCRIPTOR.size, (object.slot + 1) * DESCRIPTOR.size);
    return coveredDescriptor(stored, object.id - this.smallestId(object.group));
  }

  /** The objects of a group by ascending ID. */
  group(group: number): readonly SifObject[] {
    return this.#groups.get(group) ?? [];
  }

  smallestId(group: number): number {
    return this.group(group)[0]?.id ?? 0;
  }

  /** Group numbers in ascending order. */
  groups(): readonly number[] {
    return [...this.#groups.keys()].filter((group) => group !== 0).sort((a, b) => a - b);
  }

  get signatures(): readonly SifObject[] {
    return this.image.objects.filter(isSignature);
  }
}

export function isSignature(object: SifObject): boolean {
  return object.dataType === DataType.signature;
}

/** Which objects are to be signed or verified. */
export interface ObjectChoice {
  readonly groups?: readonly number[];
  readonly objects?: readonly number[];
}

/** A group as a whole, or chosen objects of one. */
export interface Target {
  readonly group: number;
  readonly objects: readonly SifObject[];
  /** True when these are not all of the group's objects by intent. */
  readonly isSubset: boolean;
}

/**
 * What a choice means in an image: all groups where nothing is chosen.
 * @throws IntegrityError GROUP_ID_INVALID, GROUP_NOT_FOUND, OBJECT_ID_INVALID, OBJECT_NOT_FOUND, GROUPS_MISSING
 */
export function chooseTargets(signed: SignedImage, { groups = [], objects = [] }: ObjectChoice): readonly Target[] {
  const targets: Target[] = [];
  const wholeGroup = (group: number): Target => ({ group, objects: signed.group(group), isSubset: false });
  for (const group of groups) {
    if (group === 0) throw new IntegrityError("GROUP_ID_INVALID");
    if (signed.group(group).length === 0) throw new IntegrityError("GROUP_NOT_FOUND", { group });
    targets.push(wholeGroup(group));
  }
  for (const id of objects) {
    if (id === 0) throw new IntegrityError("OBJECT_ID_INVALID");
    const found = signed.image.objects.find((object) => object.id === id);
    if (found === undefined) throw new IntegrityError("OBJECT_NOT_FOUND", { id });
    targets.push({ group: found.group, objects: [found], isSubset: true });
  }
  if (groups.length > 0 || objects.length > 0) return targets;
  const all = signed.groups();
  if (all.length === 0) throw new IntegrityError("GROUPS_MISSING");
  return all.map(wholeGroup);
}
