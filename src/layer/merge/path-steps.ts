import type { ByteString } from "../../bytes/byte-string.ts";
import { MAX_SYMLINK_HOPS } from "../../fstree/limits.ts";
import { FsTree, type NodeId } from "../../fstree/tree.ts";
import type { DescentState } from "./descent-state.ts";
import { joinPath, parentOf } from "./entry-path.ts";
import { Flag } from "./node-marks.ts";

/** Steps along a path from the root, name by name; who steps says what a name is: a directory, or a symlink. */
export class PathSteps {
  readonly #state: DescentState;
  #todo: ByteString[] = [];
  #dir: NodeId = FsTree.root;
  #path: ByteString = "";
  #isClosed = false;
  #hops = 0;

  constructor(state: DescentState) {
    this.#state = state;
  }

  begin(path: ByteString): void {
    this.#todo = path === "" ? [] : path.split("/").reverse();
    this.#hops = 0;
    this.#toRoot();
  }

  /** The directory that the next name is in. */
  get dir(): NodeId {
    return this.#dir;
  }

  /** Its path, by real directories. */
  get path(): ByteString {
    return this.#path;
  }

  /** Whether the current layer has closed the directory, or one above it: nothing of lower layers shows below. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Symlinks that were followed. */
  get hops(): number {
    return this.#hops;
  }

  /** Whether the name that `next` gave was the last. */
  get isAtEnd(): boolean {
    return this.#todo.length === 0;
  }

  /** Whether the path goes up again, which depends on what the names before it are. */
  get leadsUp(): boolean {
    return this.#todo.includes("..");
  }

  /** The next name to look at; undefined at the end. */
  next(): ByteString | undefined {
    for (;;) {
      const name = this.#todo.pop();
      if (name === "" || name === ".") continue;
      if (name !== "..") return name;
      this.#leave();
    }
  }

  /** The name was that of a directory. */
  enter(node: NodeId, name: ByteString): void {
    this.#dir = node;
    this.#path = joinPath(this.#path, name);
    this.#isClosed ||= this.#state.marks.closed(node) === this.#state.layer;
  }

  /** The name was that of a symlink. @returns false where there were too many */
  follow(target: ByteString): boolean {
    if (++this.#hops > MAX_SYMLINK_HOPS) return false;
    if (target.startsWith("/")) this.#toRoot();
    this.#todo.push(...target.split("/").reverse());
    return true;
  }

  /** The path from this name on, as it is written. */
  rest(name: ByteString): ByteString {
    const names = this.#todo.filter((one) => one !== "" && one !== ".").reverse();
    return joinPath(this.#path, [name, ...names].join("/"));
  }

  #leave(): void {
    const { marks, tree } = this.#state;
    if (marks.passageMax(this.#dir) !== 0) marks.raise(this.#dir, Flag.left);
    this.#dir = tree.parent(this.#dir);
    this.#path = parentOf(this.#path);
    this.#isClosed = this.#state.isClosedHere(this.#dir);
  }

  #toRoot(): void {
    this.#dir = FsTree.root;
    this.#path = "";
    this.#isClosed = this.#state.isClosedHere(FsTree.root);
  }
}
