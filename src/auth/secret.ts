import { inspect } from "node:util";

/**
 * A password or a token. It prints as `[secret]` wherever a log, a message, JSON or the inspector turns it
 * into text; only `reveal` gives it away, and its callers put it into a request and nowhere else.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
    // Not a method: isolated declarations know no computed names but JavaScript's own.
    Object.defineProperty(this, inspect.custom, { value: () => "[secret]" });
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }
}
