import { type Answer, headerOf } from "./body.ts";

/** Retry-After in ms (RFC 9110 §10.2.3): seconds, or a date; undefined when absent or unreadable. */
export function retryAfterMs(answer: Pick<Answer, "headers">, nowMs: number = Date.now()): number | undefined {
  const text = headerOf(answer, "retry-after")?.trim();
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  // HTTP dates begin with the day's name; Date.parse alone would take "-1" for a year.
  const date = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
