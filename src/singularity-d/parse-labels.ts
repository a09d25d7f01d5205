import { type ByteString, toByteString } from "../bytes/byte-string.ts";
import { parseJson } from "../bytes/parse-json.ts";

/** Labels as Go reads them: what is no text is empty, and the first of those is complained of in Go's words. */
export function parseLabels(content: ByteString): { readonly labels: Map<ByteString, ByteString>; problem?: string } {
  let parsed: unknown;
  try {
    parsed = parseJson(Buffer.from(content, "latin1").toString("utf8"));
  } catch (error) {
    return { labels: new Map(), problem: lowerFirst((error as SyntaxError).message) };
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    return {
      labels: new Map(),
      problem: `json: cannot unmarshal ${goKind(parsed)} into Go value of type map[string]string`,
    };
  }
  const entries = Object.entries(parsed);
  const wrong = entries.find(([, value]) => typeof value !== "string" && value !== null);
  const labels = new Map(entries.map(([key, value]) => [toByteString(key), toByteString(String(textOrEmpty(value)))]));
  return wrong === undefined
    ? { labels }
    : { labels, problem: `json: cannot unmarshal ${goKind(wrong[1])} into Go value of type string` };
}

/** What Go's decoder calls a JSON value. */
function goKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

const lowerFirst = (text: string): string => text.slice(0, 1).toLowerCase() + text.slice(1);

function textOrEmpty(value: unknown): string {
  return typeof value === "string" ? value : "";
}
