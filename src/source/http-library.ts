/** The HTTP library, whole. */
export type HttpLibrary = typeof import("undici");

let loading: Promise<HttpLibrary> | undefined;

/**
 * The HTTP library. It is a quarter of what a start of Sifon has to load, and who reads files needs none of it:
 * loaded when first asked for.
 */
export function loadHttp(): Promise<HttpLibrary> {
  loading ??= import("undici");
  return loading;
}
