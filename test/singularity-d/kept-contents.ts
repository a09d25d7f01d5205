import type { BodyPart } from "../../src/bytes/file-body.ts";
import type { ContentId, ContentStore } from "../../src/fstree/content.ts";

/** Keeps all contents in memory; for small trees. */
export class KeptContents implements ContentStore {
  readonly #contents: Uint8Array[] = [new Uint8Array()];

  async add(size: number, parts: AsyncIterable<BodyPart> | Uint8Array): Promise<ContentId> {
    if (!(parts instanceof Uint8Array)) throw new TypeError("only whole contents are kept");
    if (parts.length !== size) throw new RangeError(`content has ${parts.length} bytes, not ${size}`);
    return this.#contents.push(parts.slice()) - 1;
  }

  get(id: ContentId): Uint8Array {
    const content = this.#contents[id];
    if (content === undefined) throw new RangeError(`no content ${id}`);
    return content;
  }
}
