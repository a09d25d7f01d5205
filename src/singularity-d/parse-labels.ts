import { type ByteString, toByteString } from "../bytes/byte-string.ts";
import { parseJson } from "../bytes/parse-json.ts";
import { scanGoJson } from "./scan-go-json.ts";

/**
 * Labels as Apptainer reads them: what is no text is empty, and the first of those is complained of in Go's words, as
 * is a file that is no JSON.
 */
export function parseLabels(content: ByteString): { readonly labels: Map<ByteString, ByteString>; problem?: string } {
  const { problem, kind, memberKinds } = scanGoJson(content);
  if (problem !== undefined) return { labels: new Map(), problem };
  if (kind === "null") return { labels: new Map() };
  if (kind !== "object") return { labels: new Map(), problem: mismatch(kind, "map[string]string") };
  let parsed: object;
  try {
    parsed = parseJson(Buffer.from(content, "latin1").toString("utf8")) as object;
  } catch (error) {
    // Too deep for us.
    return { labels: new Map(), problem: (error as Error).message };
  }
  const labels = new Map(Object.entries(parsed).map(([key, value]) => [toByteString(key), textOrEmpty(value)]));
  const wrong = memberKinds.find((member) => member !== "string" && member !== "null");
  return wrong === undefined ? { labels } : { labels, problem: mismatch(wrong, "string") };
}

const mismatch = (kind: string | undefined, type: string): string =>
  `json: cannot unmarshal ${kind} into Go value of type ${type}`;

function textOrEmpty(value: unknown): ByteString {
  return typeof value === "string" ? toByteString(value) : "";
}
