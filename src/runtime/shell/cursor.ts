/** What one look at a text sees of it: no name that anybody gives is longer. */
const LOOK_SIZE = 1000;

/** A place in a script. */
export class Cursor {
  readonly text: string;
  at = 0;
  line: number;

  constructor(text: string, line = 1) {
    this.text = text;
    this.line = line;
  }

  get done(): boolean {
    return this.at >= this.text.length;
  }

  peek(ahead = 0): string {
    return this.text[this.at + ahead] ?? "";
  }

  /** What comes next, by a pattern that begins with `^`; only the next thousand characters are looked at. */
  match(pattern: RegExp): RegExpExecArray | null {
    return pattern.exec(this.text.slice(this.at, this.at + LOOK_SIZE));
  }

  next(): string {
    const char = this.peek();
    this.at += 1;
    if (char === "\n") this.line += 1;
    return char;
  }

  /** Takes `text` if it comes next. */
  take(text: string): boolean {
    if (!this.text.startsWith(text, this.at)) return false;
    for (let i = 0; i < text.length; i++) this.next();
    return true;
  }
}
