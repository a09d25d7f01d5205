import { type Answer, headerOf } from "./body.ts";

/** Retry-After in ms (RFC 9110 §10.2.3): seconds, or a date; undefined when absent or unreadable. */
export function retryAfterMs(answer: Pick<Answer, "headers">, nowMs: number = Date.now()): number | undefined {
  const text = headerOf(answer, "retry-after")?.trim();
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
