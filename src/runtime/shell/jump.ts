/** How a script came to its end. */
export type ScriptEnd =
  | { readonly kind: "end" }
  | { readonly kind: "exit"; readonly status: number }
  /** `exec` of a program. */
  | { readonly kind: "exec"; readonly argv: readonly string[] };

/** How commands that change where a script goes on reach the place that they lead to. */
class Jump extends Error {}

/** `return`: to the end of the function or script. */
export class Return extends Jump {}

/** `exit`, `exec`: to the end of all. */
export class Leave extends Jump {
  readonly end: ScriptEnd;

  constructor(end: ScriptEnd) {
    super();
    this.end = end;
  }
}

/** `break`, `continue`: to the loop around. */
export class LoopJump extends Jump {
  readonly kind: "break" | "continue";

  constructor(kind: "break" | "continue") {
    super();
    this.kind = kind;
  }
}
