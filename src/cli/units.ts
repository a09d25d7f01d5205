const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;

/** Bytes in binary units with one decimal from KiB on: `512B`, `3.5MiB`. */
export function formatBytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${value}B` : `${value.toFixed(1)}${UNITS[unit]}`;
}

/** Parses `64`, `64k`, `64KiB`, `1.5G`: binary units whatever the spelling. Undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?$/i.exec(text.trim());
  if (match === null) return undefined;
  const power = " kmgt".indexOf((match[2] ?? "").toLowerCase() || " ");
  return Math.floor(Number(match[1]) * 1024 ** power);
}
