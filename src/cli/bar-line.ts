import { formatBytes } from "./units.ts";

/** What a bar shows. */
export interface BarState {
  /** `Copying blob sha256:1f2e3d4c5b6a` */
  readonly title: string;
  readonly received: number;
  readonly size: number;
  readonly elapsedMs: number;
}

/** Columns of a bar between its brackets: below the smaller one there is none, above the larger it tells no more. */
const BAR_COLUMNS = { least: 6, most: 30 } as const;
/** Room for `Copying config sha256:` and 12 digits, and for sizes as `1023.9MiB`, so that bars stand in one column. */
const TITLE_COLUMNS = 34;
const SIZE_COLUMNS = 9;

/**
 * `Copying blob sha256:1f2e3d4c5b6a   1.0MiB / 3.5MiB   [=====>----]  29 %  2.1MiB/s  1s`, in fewer columns
 * than the terminal has, so that no line wraps: speed and time, then the bar are left out where it is narrow.
 */
export function barLine({ title, received, size, elapsedMs }: BarState, columns: number): string {
  const fraction = size === 0 ? 1 : Math.min(received / size, 1);
  const speed = (received * 1000) / Math.max(elapsedMs, 1);
  const sizes = `${formatBytes(received).padStart(SIZE_COLUMNS)} / ${formatBytes(size).padEnd(SIZE_COLUMNS)}`;
  const head = `${title.padEnd(TITLE_COLUMNS)} ${sizes}`;
  const percent = `${Math.floor(fraction * 100)} %`.padStart(6);
  const pace = `  ${formatBytes(Math.round(speed))}/s  ${formatSeconds(fraction === 1 ? elapsedMs / 1000 : (size - received) / speed)}`;
  for (const tail of [percent + pace.padEnd(22), percent]) {
    const room = columns - 1 - head.length - tail.length - 3;
    if (room >= BAR_COLUMNS.least)
      return `${head} [${bar(fraction, Math.min(room, BAR_COLUMNS.most))}]${tail}`.trimEnd();
  }
  return `${head}${percent}`.slice(0, Math.max(columns - 1, 0));
}

function bar(fraction: number, columns: number): string {
  const done = Math.floor(fraction * columns);
  return done === columns ? "=".repeat(columns) : `${"=".repeat(done)}>`.padEnd(columns, "-");
}

/** Time left, or, of a blob that is whole, taken: `7s`, `2m05s`, `1h02m`. */
function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  const whole = Math.ceil(seconds);
  const two = (count: number) => String(count).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${two(Math.floor((whole % 3600) / 60))}m`;
}
