import type { ByteString } from "../bytes/byte-string.ts";
import type { Xattr } from "../bytes/file-body.ts";
import { BytePages } from "./byte-pages.ts";
import { SizeColumn, U32Column } from "./columns.ts";
import type { ContentId } from "./content.ts";
import { XattrSets } from "./xattr-sets.ts";

/** What an inode is; the numbers are squashfs's basic inode types. */
export const InodeKind = {
  directory: 1,
  file: 2,
  symlink: 3,
  blockDevice: 4,
  charDevice: 5,
  fifo: 6,
  socket: 7,
} as const;
export type InodeKind = (typeof InodeKind)[keyof typeof InodeKind];

/** Index in an {@link InodeTable}, from 0. */
export type InodeId = number;

/** Everything about an inode but its names. */
export interface InodeAttributes {
  readonly kind: InodeKind;
  /** Permission bits with set-uid, set-gid and sticky: 0–0o7777. */
  readonly mode: number;
  /** 0…2^32−1, as gid. */
  readonly uid: number;
  readonly gid: number;
  /** 0…2^32−1. */
  readonly mtimeSec: number;
  readonly xattrs?: readonly Xattr[];
  /** Of a file; absent means empty. */
  readonly content?: ContentId;
  /** Bytes of a file, holes included. A symlink's size is the length of its target. */
  readonly size?: number;
  /** Of a symlink. */
  readonly target?: ByteString;
  readonly deviceMajor?: number;
  readonly deviceMinor?: number;
  /** SIF architecture code of an executable ELF file (`elf.ts`), else 0. */
  readonly elfArch?: number;
}

const MODE_MASK = 0o7777;
const KIND_SHIFT = 12;
const KIND_MASK = 15;
const ARCH_SHIFT = 16;

/**
 * The inodes of a tree in columns: 16 bytes each where root owns everything and files are below 4 GiB, 32 at
 * most, beside a symlink's target. Inodes are never freed; one without a name is no part of the tree.
 */
export class InodeTable {
  /** Mode in bits 0–11, kind in 12–15, ELF architecture in 16–23. */
  readonly #flags = new U32Column();
  readonly #uids = new U32Column();
  readonly #gids = new U32Column();
  readonly #mtimes = new U32Column();
  /** A file's size, a device's minor number. */
  readonly #sizes = new SizeColumn();
  /** A file's content, a symlink's reference into the targets, a device's major number. */
  readonly #data = new U32Column();
  readonly #xattrIds = new U32Column();
  readonly #targets = new BytePages();
  readonly #sets = new XattrSets();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Appends an inode; ids are never used again. */
  add(attributes: InodeAttributes): InodeId {
    const id = this.#count++;
    this.update(id, attributes);
    return id;
  }

  /** Overwrites all of an inode; every name that has it shows the change. */
  update(id: InodeId, attributes: InodeAttributes): void {
    const { kind, mode, elfArch = 0 } = attributes;
    this.#flags.set(id, (mode & MODE_MASK) | (kind << KIND_SHIFT) | (elfArch << ARCH_SHIFT));
    this.#uids.set(id, attributes.uid);
    this.#gids.set(id, attributes.gid);
    this.#mtimes.set(id, attributes.mtimeSec);
    this.#xattrIds.set(id, attributes.xattrs === undefined ? 0 : this.#sets.intern(attributes.xattrs));
    let size = 0;
    let data = 0;
    if (kind === InodeKind.file) {
      size = attributes.size ?? 0;
      data = attributes.content ?? 0;
    } else if (kind === InodeKind.symlink) {
      data = this.#targets.add(attributes.target ?? "");
    } else if (kind === InodeKind.blockDevice || kind === InodeKind.charDevice) {
      size = attributes.deviceMinor ?? 0;
      data = attributes.deviceMajor ?? 0;
    }
    this.#sizes.set(id, size);
    this.#data.set(id, data);
  }

  /** Which of the seven kinds it is. */
  kind(id: InodeId): InodeKind {
    return ((this.#flags.get(id) >>> KIND_SHIFT) & KIND_MASK) as InodeKind;
  }

  /** 0–0o7777. */
  mode(id: InodeId): number {
    return this.#flags.get(id) & MODE_MASK;
  }

  /** 0…2^32−1. */
  uid(id: InodeId): number {
    return this.#uids.get(id);
  }

  /** 0…2^32−1. */
  gid(id: InodeId): number {
    return this.#gids.get(id);
  }

  /** Seconds since 1970, 0…2^32−1. */
  mtimeSec(id: InodeId): number {
    return this.#mtimes.get(id);
  }

  /** Bytes of a file or of a symlink's target; 0 for the rest. */
  size(id: InodeId): number {
    const kind = this.kind(id);
    if (kind === InodeKind.file) return this.#sizes.get(id);
    return kind === InodeKind.symlink ? this.target(id).length : 0;
  }

  /** The content of a file; 0, the empty content, for the rest. */
  content(id: InodeId): ContentId {
    return this.kind(id) === InodeKind.file ? this.#data.get(id) : 0;
  }

  /** SIF architecture code of an executable ELF file, else 0. */
  elfArch(id: InodeId): number {
    return (this.#flags.get(id) >>> ARCH_SHIFT) & 255;
  }

  /** 0 for all but devices. */
  deviceMajor(id: InodeId): number {
    return this.#isDevice(id) ? this.#data.get(id) : 0;
  }

  /** 0 for all but devices. */
  deviceMinor(id: InodeId): number {
    return this.#isDevice(id) ? this.#sizes.get(id) : 0;
  }

  /** Where a symlink points; "" for the rest. */
  target(id: InodeId): ByteString {
    return this.kind(id) === InodeKind.symlink ? this.#targets.get(this.#data.get(id)) : "";
  }

  /** Number of the inode's set of extended attributes; 0 is none, equal sets share a number. */
  xattrSet(id: InodeId): number {
    return this.#xattrIds.get(id);
  }

  /** The attributes of a set, by name in bytewise order. */
  xattrsOf(set: number): readonly Xattr[] {
    return this.#sets.get(set);
  }

  /** Sets besides the empty one; they are numbered 1…count. */
  get xattrSetCount(): number {
    return this.#sets.count;
  }

  /** For a file whose bytes came after its header. */
  setContent(id: InodeId, content: ContentId, elfArch: number): void {
    if (this.kind(id) !== InodeKind.file) throw new TypeError(`inode ${id} is no file`);
    this.#data.set(id, content);
    this.#flags.set(id, (this.#flags.get(id) & 0xffff) | (elfArch << ARCH_SHIFT));
  }

  /** Takes the low twelve bits. */
  setMode(id: InodeId, mode: number): void {
    this.#flags.set(id, (this.#flags.get(id) & ~MODE_MASK) | (mode & MODE_MASK));
  }

  /** Both ids at once. */
  setOwner(id: InodeId, uid: number, gid: number): void {
    this.#uids.set(id, uid);
    this.#gids.set(id, gid);
  }

  /** 0…2^32−1. */
  setMtime(id: InodeId, mtimeSec: number): void {
    this.#mtimes.set(id, mtimeSec);
  }

  #isDevice(id: InodeId): boolean {
    const kind = this.kind(id);
    return kind === InodeKind.blockDevice || kind === InodeKind.charDevice;
  }
}
