import { archName } from "./architecture.ts";
import {
  dataTypeName,
  fsTypeName,
  hashTypeName,
  messageFormatName,
  messageTypeName,
  partitionTypeName,
  sbomFormatName,
} from "./data-type.ts";
import { formatUuid } from "./identity.ts";
import type { Link, SifImage, SifObject } from "./image.ts";
import { GO_ZERO_TIME_SEC } from "./layout.ts";

// The forms are those of `apptainer sif` 1.4.5, which scripts parse.

const RULE = "-".repeat(78);

/** `apptainer sif list` */
export function formatList({ objects }: SifImage): string {
  const rows = objects.map((object) => {
    const id = String(object.id).padEnd(4);
    const group = (object.group === 0 ? "NONE" : String(object.group)).padEnd(7);
    const span = `|${spanColumn(object)} `.padEnd(26);
    return `${id} |${group} |${linkColumn(object.link)} ${span} |${typeColumn(object)}\n`;
  });
  return `${RULE}\nID   |GROUP   |LINK    |SIF POSITION (start-end)  |TYPE\n${RULE}\n${rows.join("")}`;
}

/** Go adds in 64 bits, so that the end of an absurd object may be negative. */
function spanColumn({ offset, size, impossible }: SifObject): string {
  if (impossible === undefined) return `${offset}-${offset + size}`;
  return `${impossible.offset}-${BigInt.asIntN(64, impossible.offset + impossible.size)}`;
}

function linkColumn(link: Link): string {
  switch (link.kind) {
    case "none":
      return "NONE".padEnd(7);
    case "object":
      return String(link.id).padEnd(7);
    case "group":
      return `${String(link.group).padEnd(3)} (G)`;
  }
}

function typeColumn({ dataType, extra }: SifObject): string {
  const name = dataTypeName(dataType);
  switch (extra.kind) {
    case "partition":
      return `${name} (${fsTypeName(extra.fsType)}/${partitionTypeName(extra.partitionType)}/${archName(extra.arch)})`;
    case "signature":
      return `${name} (${hashTypeName(extra.hashType)})`;
    case "message":
      return `${name} (${messageFormatName(extra.format)}/${messageTypeName(extra.messageType)})`;
    case "sbom":
      return `${name} (${sbomFormatName(extra.format)})`;
    case "none":
    case "oci":
      return name;
  }
}

type Row = readonly [key: string, value: string];

/** `apptainer sif header` */
export function formatHeader({ header }: SifImage): string {
  const rows: Row[] = [];
  if (header.launchScript !== "") rows.push(["Launch Script", header.launchScript.replace(/\n$/, "")]);
  rows.push(["Version", header.version]);
  if (header.arch !== 0) rows.push(["Primary Architecture", archName(header.arch)]);
  if (header.uuid.some((byte) => byte !== 0)) rows.push(["ID", formatUuid(header.uuid)]);
  rows.push(...timeRows(header));
  rows.push(
    ["Descriptors Free", String(header.descriptorsFree)],
    ["Descriptors Total", String(header.descriptorsTotal)],
    ["Descriptors Offset", String(header.descriptorsOffset)],
    ["Descriptors Size", binarySize(header.descriptorsSize)],
    ["Data Offset", String(header.dataOffset)],
    ["Data Size", binarySize(header.dataSize)],
  );
  return alignRows(rows, "");
}

/** `apptainer sif info` */
export function formatInfo(object: SifObject): string {
  const { link } = object;
  const rows: Row[] = [
    ["Data Type", dataTypeName(object.dataType)],
    ["ID", String(object.id)],
    ["Group ID", object.group === 0 ? "NONE" : String(object.group)],
    ["Linked ID", link.kind === "none" ? "NONE" : link.kind === "object" ? String(link.id) : `${link.group} (G)`],
    ["Offset", String((object.impossible ?? object).offset)],
    ["Size", String((object.impossible ?? object).size)],
    ...timeRows(object),
  ];
  if (object.name !== "") rows.push(["Name", object.name]);
  return alignRows([...rows, ...extraRows(object)], "  ");
}

function extraRows({ extra }: SifObject): Row[] {
  switch (extra.kind) {
    case "partition":
      return [
        ["Filesystem Type", fsTypeName(extra.fsType)],
        ["Partition Type", partitionTypeName(extra.partitionType)],
        ["Architecture", archName(extra.arch)],
      ];
    case "signature": {
      const rows: Row[] = [["Hash Type", hashTypeName(extra.hashType)]];
      if (extra.entity.length > 0) rows.push(["Entity", Buffer.from(extra.entity).toString("hex").toUpperCase()]);
      return rows;
    }
    case "message":
      return [
        ["Format Type", messageFormatName(extra.format)],
        ["Message Type", messageTypeName(extra.messageType)],
      ];
    case "sbom":
      return [["Format", sbomFormatName(extra.format)]];
    case "oci":
      return [["Digest", extra.digest]];
    case "none":
      return [];
  }
}

function timeRows({ createdSec, modifiedSec }: { readonly createdSec: number; readonly modifiedSec: number }): Row[] {
  const rows: Row[] = [];
  if (createdSec !== GO_ZERO_TIME_SEC) rows.push(["Created At", formatTime(createdSec)]);
  if (modifiedSec !== GO_ZERO_TIME_SEC) rows.push(["Modified At", formatTime(modifiedSec)]);
  return rows;
}

/** Go's default form of a UTC time: `2023-11-14 22:13:20 +0000 UTC`; seconds that no calendar holds stay a number. */
function formatTime(sec: number): string {
  const date = new Date(sec * 1000);
  if (Number.isNaN(date.getTime())) return String(sec);
  return `${date
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, "")} +0000 UTC`;
}

/** Whole binary units, rounded half up: `27 KiB` of 28080 bytes, `5 KiB` of 4688. */
function binarySize(size: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  while (size >= 1024 ** (unit + 1) && unit < units.length - 1) unit++;
  return `${Math.round(size / 1024 ** unit)} ${units[unit]}`;
}

function alignRows(rows: readonly Row[], indent: string): string {
  const width = Math.max(...rows.map(([key]) => key.length)) + 1;
  return rows.map(([key, value]) => `${indent}${`${key}:`.padEnd(width)}${indent || " "}${value}\n`).join("");
}
