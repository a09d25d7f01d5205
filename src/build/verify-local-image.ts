import type { LocalImage } from "../image/local-image.ts";
import { IntegrityError, KeyError } from "../sign/errors.ts";
import type { PgpKey } from "../sign/openpgp/key.ts";
import { isSignature } from "../sign/signed-image.ts";
import { verifyImage } from "../sign/verify-image.ts";
import { verifySigners } from "../sign/verify-signers.ts";
import type { Watch } from "./container-source.ts";
import { BuildError } from "./errors.ts";

/** Whose signatures of an image that is built upon are believed. */
export interface BaseTrust {
  /** OpenPGP keys that are trusted; none unless given. Asked for when signatures are to be verified. */
  readonly trustedKeys?: () => Promise<readonly PgpKey[]>;
}

/**
 * Verifies the signatures of an image before something is built upon it. With fingerprints, all of these keys must
 * have signed all of it, and every signature must hold; without, what does not hold is told, and nothing more.
 * @throws BuildError BASE_UNVERIFIED, BASE_UNSIGNED; what the readers throw
 */
export async function verifyLocalImage(
  image: LocalImage,
  fingerprints: readonly string[],
  { trustedKeys = async () => [], signal, onProgress }: BaseTrust & Watch,
): Promise<void> {
  const { path } = image;
  if (image.kind !== "sif") {
    // Deviates: Apptainer builds upon a directory or a SquashFS file in the place of the signed SIF without a word.
    if (fingerprints.length > 0)
      throw new BuildError("BASE_UNSIGNED", { path, kind: image.kind === "sandbox" ? "sandbox" : "SquashFS file" });
    return;
  }
  const { access, sif } = image;
  if (fingerprints.length > 0) {
    const message = `Checking bootstrap image verifies with fingerprint(s): [${fingerprints.join(" ")}]`;
    onProgress({ kind: "step", message });
    try {
      await verifySigners(access, fingerprints, { pgpKeys: await trustedKeys(), signal });
    } catch (cause) {
      if (isDoubt(cause)) throw new BuildError("BASE_UNVERIFIED", { path, reason: inApptainersWords(cause), cause });
      throw cause;
    }
    return;
  }
  onProgress({ kind: "step", message: `Verifying bootstrap image ${path}` });
  if (sif?.objects.some(isSignature) !== true) return;
  try {
    await verifyImage(access, { pgpKeys: await trustedKeys(), signal });
  } catch (cause) {
    if (!isDoubt(cause)) throw cause;
    // A group without a signature is as an image without one.
    if (cause.code === "SIGNATURE_NOT_FOUND") return;
    onProgress({ kind: "warning", message: inApptainersWords(cause) });
    const message = "Bootstrap image could not be verified, but build will continue.";
    onProgress({ kind: "warning", message });
  }
}

const isDoubt = (cause: unknown): cause is IntegrityError | KeyError =>
  cause instanceof IntegrityError || cause instanceof KeyError;

function inApptainersWords(cause: IntegrityError | KeyError): string {
  const isSigners = cause.code === "SIGNERS_MISSING" || cause instanceof KeyError;
  return `${isSigners ? "" : "integrity: "}${cause.message}`;
}
