/** One challenge of a WWW-Authenticate header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly params: ReadonlyMap<string, string>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PARAM = new RegExp(`\\s*,?\\s*(${TOKEN})\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN}))`, "y");
const SCHEME = new RegExp(`[\\s,]*(${TOKEN})(?=\\s*$|\\s*,|\\s+[^\\s=])`, "y");
/** Longer headers are not of a registry; the patterns are linear all the same. */
const MAX_HEADER_LENGTH = 16_384;

/** Reads the header's values; several challenges may stand in one value. What is malformed ends the list. */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const text = (typeof header === "string" ? header : (header ?? []).join(", ")).slice(0, MAX_HEADER_LENGTH);
  const challenges: Challenge[] = [];
  let position = 0;
  for (;;) {
    SCHEME.lastIndex = position;
    const scheme = SCHEME.exec(text);
    if (scheme === null) return challenges;
    position = SCHEME.lastIndex;
    const params = new Map<string, string>();
    for (;;) {
      PARAM.lastIndex = position;
      const param = PARAM.exec(text);
      if (param === null) break;
      position = PARAM.lastIndex;
      const [, name = "", quoted, bare] = param;
      params.set(name.toLowerCase(), quoted === undefined ? (bare ?? "") : quoted.replace(/\\(.)/g, "$1"));
    }
    challenges.push({ scheme: (scheme[1] ?? "").toLowerCase(), params });
  }
}
