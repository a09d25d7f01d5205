import type { RandomAccess } from "../bytes/random-access.ts";
import { IntegrityError } from "./errors.ts";
import { type VerifyOptions, verifyImage } from "./verify-image.ts";

/**
 * Verifies all signatures of all groups, as {@link verifyImage} does, and that each group was signed by all of these
 * OpenPGP keys; others may have signed as well.
 * @param fingerprints in hexadecimal digits, capitals or not
 * @throws IntegrityError whatever is wrong; SIGNERS_MISSING where a signature of these keys is not there
 * @throws SifError what `readSif` throws
 */
export async function verifySigners(
  access: RandomAccess,
  fingerprints: readonly string[],
  options: Pick<VerifyOptions, "pgpKeys" | "now" | "signal">,
): Promise<void> {
  const signers = new Map<number, Set<string>>();
  await verifyImage(access, {
    ...options,
    onSignature({ signature: { link }, signer }) {
      if (link.kind !== "group") return;
      const ofGroup = signers.get(link.group) ?? new Set();
      if (signer !== undefined) ofGroup.add(signer.fingerprint);
      signers.set(link.group, ofGroup);
    },
  });
  const required = fingerprints.map((one) => one.toUpperCase());
  for (const [group, ofGroup] of signers) {
    const missing = required.filter((one) => !ofGroup.has(one));
    if (missing.length > 0) throw new IntegrityError("SIGNERS_MISSING", { group, missing });
  }
}
