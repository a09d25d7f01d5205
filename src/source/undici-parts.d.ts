// Modules of undici that its types leave out, as its index loads them; see http-library.ts.
declare module "undici/lib/dispatcher/*" {
  const part: unknown;
  // biome-ignore lint/style/noDefaultExport: what a CommonJS module exports is the default
  export default part;
}
declare module "undici/lib/api/index.js" {
  const api: object;
  // biome-ignore lint/style/noDefaultExport: what a CommonJS module exports is the default
  export default api;
}
