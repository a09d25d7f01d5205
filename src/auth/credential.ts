import { Secret } from "./secret.ts";

/** What a registry is shown. `origin` tells a person where it comes from: a variable, an option, a file. */
export type Credential =
  | { readonly kind: "anonymous"; readonly origin: string }
  | { readonly kind: "basic"; readonly origin: string; readonly username: string; readonly password: Secret }
  /** An OAuth2 refresh token, exchanged at the token service (Docker's `identitytoken`). */
  | { readonly kind: "identity-token"; readonly origin: string; readonly token: Secret }
  /** A bearer token, sent as it is (Docker's `registrytoken`). */
  | { readonly kind: "registry-token"; readonly origin: string; readonly token: Secret };

/** The value of a Basic `Authorization` header (RFC 7617, UTF-8). */
export function basicAuthorization(username: string, password: Secret): string {
  return `Basic ${Buffer.from(`${username}:${password.reveal()}`, "utf8").toString("base64")}`;
}

/** The secrets in a credential, to be kept out of messages. */
export function secretsOf(credential: Credential): readonly Secret[] {
  if (credential.kind === "anonymous") return [];
  if (credential.kind !== "basic") return [credential.token];
  const encoded = basicAuthorization(credential.username, credential.password).slice("Basic ".length);
  return [credential.password, new Secret(encoded)];
}
