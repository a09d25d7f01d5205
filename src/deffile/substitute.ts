const PLACEHOLDER = /\{\{\s*(\w+)\s*\}\}/g;

export interface Substitution {
  /** Values by name; undefined where there is none. */
  readonly lookUp: (name: string) => string | undefined;
  /** Told of a placeholder without a value; it stays. */
  readonly onUndefined: (name: string) => void;
}

/**
 * Puts values in place of `{{ NAME }}` on a line, unless it is a comment. A value may itself have placeholders; those
 * of their values stay.
 */
export function substitute(line: string, { lookUp, onUndefined }: Substitution): string {
  if (/^\s*#/.test(line)) return line;
  const replace = (part: string, deeper: boolean): string =>
    part.replace(PLACEHOLDER, (placeholder, name: string) => {
      const value = lookUp(name);
      if (value === undefined) {
        onUndefined(name);
        return placeholder;
      }
      return deeper ? replace(value, false) : value;
    });
  return replace(line, true);
}
