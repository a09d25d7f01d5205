import type { SquashfsImage } from "../squashfs/reader/image.ts";
import type { FileInode } from "../squashfs/reader/inode.ts";
import type { RawPiece } from "../squashfs/reader/raw-blocks.ts";

/** Pairs of hard-linked files whose result is kept. Beyond it they are compared once more: it bounds memory. */
const MAX_REMEMBERED = 100_000;

/** Compares contents of files of two images, with as little decompression as they allow. */
export class ContentComparison {
  readonly #from: SquashfsImage;
  readonly #to: SquashfsImage;
  /** One block in both images then has one content; what differs may still be equal, by another level. */
  readonly #sameFormat: boolean;
  /** Whether fragment blocks are equal as they lie on disk, by their two numbers: many files share a pair. */
  readonly #fragments = new Map<string, boolean>();
  readonly #links = new Map<string, boolean>();

  constructor(from: SquashfsImage, to: SquashfsImage) {
    this.#from = from;
    this.#to = to;
    this.#sameFormat = from.header.compressor === to.header.compressor && from.header.blockSize === to.header.blockSize;
  }

  /** Whether two files have the same bytes. */
  async isEqual(a: FileInode, b: FileInode, signal?: AbortSignal): Promise<boolean> {
    if (a.size !== b.size) return false;
    if (a.size === 0) return true;
    if (a.linkCount === 1 && b.linkCount === 1) return this.#compare(a, b, signal);
    const key = `${a.ref} ${b.ref}`;
    const known = this.#links.get(key) ?? (await this.#compare(a, b, signal));
    if (this.#links.size < MAX_REMEMBERED) this.#links.set(key, known);
    return known;
  }

  async #compare(a: FileInode, b: FileInode, signal?: AbortSignal): Promise<boolean> {
    const start = this.#sameFormat ? await this.#equalOnDisk(a, b, signal) : 0;
    return start === a.size || this.#equalContent(a, b, start, signal);
  }

  /** Bytes up to which the files are equal by their compressed blocks. */
  async #equalOnDisk(a: FileInode, b: FileInode, signal?: AbortSignal): Promise<number> {
    const [left, right] = [this.#from.rawPieces(a), this.#to.rawPieces(b)];
    let position = 0;
    try {
      for (;;) {
        signal?.throwIfAborted();
        const [one, other] = [await left.next(), await right.next()];
        if (one.done === true || other.done === true) return position;
        if (!(await this.#samePiece(one.value, other.value))) return position;
        position += one.value.size;
      }
    } finally {
      await left.return();
      await right.return();
    }
  }

  async #samePiece(a: RawPiece, b: RawPiece): Promise<boolean> {
    if (a.kind === "hole" && b.kind === "hole") return a.size === b.size;
    if (a.kind === "block" && b.kind === "block") {
      return a.stored === b.stored && a.size === b.size && Buffer.compare(a.bytes, b.bytes) === 0;
    }
    if (a.kind !== "fragment" || b.kind !== "fragment") return false;
    return a.offset === b.offset && a.size === b.size && (await this.#sameFragment(a.index, b.index));
  }

  async #sameFragment(from: number, to: number): Promise<boolean> {
    const key = `${from} ${to}`;
    let same = this.#fragments.get(key);
    if (same === undefined) {
      const [a, b] = [await this.#from.rawFragmentBlock(from), await this.#to.rawFragmentBlock(to)];
      same = a.stored === b.stored && Buffer.compare(a.bytes, b.bytes) === 0;
      if (this.#fragments.size < MAX_REMEMBERED) this.#fragments.set(key, same);
    }
    return same;
  }

  async #equalContent(a: FileInode, b: FileInode, start: number, signal?: AbortSignal): Promise<boolean> {
    const range = signal === undefined ? { start } : { start, signal };
    const right = chunks(this.#to, b, range);
    try {
      let held: Uint8Array = new Uint8Array();
      for await (let piece of chunks(this.#from, a, range)) {
        while (piece.length > 0) {
          if (held.length === 0) {
            const other = await right.next();
            if (other.done === true) return false;
            held = other.value;
          }
          const size = Math.min(piece.length, held.length);
          if (Buffer.compare(piece.subarray(0, size), held.subarray(0, size)) !== 0) return false;
          piece = piece.subarray(size);
          held = held.subarray(size);
        }
      }
      return held.length === 0 && (await right.next()).done === true;
    } finally {
      await right.return();
    }
  }
}

const ZEROS = new Uint8Array(65_536);

async function* chunks(
  image: SquashfsImage,
  file: FileInode,
  range: { readonly start: number; readonly signal?: AbortSignal },
): AsyncGenerator<Uint8Array, void, void> {
  for await (const part of image.fileParts(file, range)) {
    if (part instanceof Uint8Array) {
      yield part;
      continue;
    }
    for (let left = part.zeros; left > 0; left -= ZEROS.length) yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
}
