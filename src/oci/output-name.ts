/**
 * The file that `pull` writes when it is given no name: the last component of the reference, its tag or
 * `latest` behind an underscore (Apptainer's rule): `docker://host:5000/foo/ep:v1` → `ep_v1.sif`,
 * `oci:/p/ep` → `ep_latest.sif`, `docker://ep@sha256:ab…` → `ep@sha256_ab….sif`.
 */
export function pullOutputName(uri: string): string {
  const first = uri.split(",", 1)[0] as string;
  const colon = first.indexOf(":");
  const reference = first.slice(colon + 1).replace(/\/+$/, "");
  const [name, tag = "latest"] = reference.slice(reference.lastIndexOf("/") + 1).split(":");
  return `${name}_${tag || "latest"}.sif`;
}
