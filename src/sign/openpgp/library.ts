type OpenPgp = typeof import("openpgp");

let loading: Promise<OpenPgp> | undefined;

/** The OpenPGP library. It is large, and most runs of Sifon need none of it: loaded when first asked for. */
export function loadOpenPgp(): Promise<OpenPgp> {
  loading ??= import("openpgp");
  return loading;
}
