// npm run bench -- chart: draws bench/chart.svg, which the README shows, from the conversion's first table in
// bench/RESULTS.md. `convert --write` does it as well.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const RESULTS = fileURLToPath(new URL("RESULTS.md", import.meta.url));
const CHART = fileURLToPath(new URL("chart.svg", import.meta.url));

/** Columns of the table, with what a bar says. */
const MEASURES = [
  ["wall", "time"],
  ["CPU", "processor time"],
  ["peak RSS", "memory"],
  ["written", "written to disk"],
] as const;

interface Row {
  readonly name: string;
  readonly cells: ReadonlyMap<string, string>;
}

function readTable(section: string): Row[] {
  const [first = ""] = section.match(/(^\|.*\n)+/m) ?? [];
  const lines = first.trim().split("\n");
  const cellsOf = (line: string) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const [head = [], , ...rows] = lines.map(cellsOf);
  return rows.map((cells) => ({
    name: cells[0] ?? "",
    cells: new Map(head.map((title, i) => [title, cells[i] ?? ""])),
  }));
}

const WIDTH = 720;
const LABEL = 190;
const VALUE = 80;
const BAR = 16;
const GAP = 4;

/** Bars by measure, each measure to its own scale. The colours hold on light and on dark paper. */
function draw(rows: readonly Row[], caption: string): string {
  const parts: string[] = [];
  let y = 26;
  for (const [column, title] of MEASURES) {
    parts.push(`<text x="0" y="${y}" class="title">${title}</text>`);
    y += 8;
    const figures = rows.map(({ cells }) => Number.parseFloat(cells.get(column) ?? ""));
    const largest = Math.max(...figures);
    rows.forEach(({ name, cells }, i) => {
      const width = Math.max(1, ((figures[i] as number) / largest) * (WIDTH - LABEL - VALUE));
      parts.push(
        `<text x="${LABEL - 8}" y="${y + BAR - 4}" class="name">${name}</text>`,
        `<rect x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" class="${i === 0 ? "own" : "other"}"/>`,
        `<text x="${(LABEL + width + 6).toFixed(1)}" y="${y + BAR - 4}">${cells.get(column)}</text>`,
      );
      y += BAR + GAP;
    });
    y += 24;
  }
  const style = [
    "text { font: 12px sans-serif; fill: #777 }",
    ".title { font-weight: bold; font-size: 13px }",
    ".name { text-anchor: end }",
    ".own { fill: #2f9e6e }",
    ".other { fill: #9aa5b1 }",
  ].join(" ");
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img">
<title>${caption}</title>
<style>${style}</style>
${parts.join("\n")}
<text x="0" y="${y - 6}">${caption}</text>
</svg>
`;
}

/** Draws the first image of the section. */
export function drawChart(): void {
  const section = readFileSync(RESULTS, "utf8")
    .split(/^(?=## )/m)
    .find((part) => part.startsWith("## Conversion\n"));
  if (section === undefined) throw new Error("bench/RESULTS.md has no conversion: npm run bench -- convert --write");
  const image = /^(\S+), from a registry/m.exec(section)?.[1] ?? "an image";
  writeFileSync(CHART, draw(readTable(section), `${image}, from a registry to a file; shorter is better`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) drawChart();
