import { dataTypeName, printable, printableLines, type SifObject, type SignatureResult } from "../index.ts";
import type { TrustedKey } from "./key-material.ts";

/** What `verify` prints on standard output. */
export interface VerifyReport {
  add(result: SignatureResult<TrustedKey>): void;
  /** What there is to print at the end. */
  text(): string;
}

const RULE = "-".repeat(48);

/** For people: who signed, and what holds, signature by signature as they are verified. */
export function textReport(write: (text: string) => void): VerifyReport {
  return {
    add({ signer, verified, error }) {
      if (signer !== undefined) {
        const origin = `[${signer.origin}]`.padEnd(18);
        write(`${origin} Signing entity: ${printable(signer.userIds[0] ?? "")}\n`);
        write(`${origin} Fingerprint: ${signer.fingerprint}\n`);
      }
      if (verified.length > 0) {
        write(`Objects verified:\nID  |GROUP   |LINK    |TYPE\n${RULE}\n${verified.map(row).join("")}`);
      }
      if (error !== undefined) write(`\nError encountered during signature verification: ${error.message}\n`);
    },
    text: () => "",
  };
}

function row({ id, group, link, dataType }: SifObject): string {
  const linked = link.kind === "none" ? "NONE" : link.kind === "object" ? `${link.id}` : `${link.group} (G)`;
  const groupName = group === 0 ? "NONE" : `${group}`;
  return `${`${id}`.padEnd(4)}|${groupName.padEnd(8)}|${linked.padEnd(8)}|${dataTypeName(dataType)}\n`;
}

/** For programs: an entry per object, as Apptainer's `--json`. */
export function jsonReport(): VerifyReport {
  let count = 0;
  const entries: object[] = [];
  return {
    add({ signer, verified, error }) {
      count += 1;
      const entry = (partition: string, dataCheck: boolean) => ({
        Signer: {
          Partition: partition,
          Name: signer === undefined ? "unknown" : (signer.userIds[0] ?? ""),
          Fingerprint: signer?.fingerprint.toLowerCase() ?? "",
          KeyLocal: signer?.origin === "LOCAL",
          KeyCheck: signer !== undefined,
          DataCheck: dataCheck,
        },
      });
      entries.push(...verified.map(({ dataType }) => entry(dataTypeName(dataType), true)));
      const broken = error?.code === "OBJECT_COMPROMISED" ? error.details["dataType"] : undefined;
      if (typeof broken === "number") entries.push(entry(dataTypeName(broken), false));
    },
    text: () => `${goJson({ Signatures: count, SignerKeys: entries.length === 0 ? null : entries })}\n`,
  };
}

/** Go's encoder escapes what HTML would take for markup. */
function goJson(value: object): string {
  return printableLines(JSON.stringify(value, null, 2)).replace(
    /[<>&]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
