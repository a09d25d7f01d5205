import type { Secret } from "../../auth/secret.ts";
import type { SourceOptions } from "../options.ts";
import { connectRegistry } from "./connect-registry.ts";

/** How a registry is reached to log in. */
export type LoginConnection = Pick<SourceOptions, "noHttps" | "ca" | "insecure" | "env" | "timeouts" | "retry">;

export interface LoginAttempt extends LoginConnection {
  /** `host[:port]`, the Hub as `index.docker.io`. */
  readonly registry: string;
  readonly username: string;
  readonly password: Secret;
  readonly signal: AbortSignal;
}

/**
 * Asks a registry, or its token service, whether it takes user and password. False where it asks for none, so
 * that nothing is known of them. Throws what a pull throws that is refused.
 */
export async function checkLogin(attempt: LoginAttempt): Promise<boolean> {
  const { registry, username, password, signal, noHttps = false, insecure = false } = attempt;
  const credential = { kind: "basic", origin: "this login", username, password } as const;
  const target = { registry, repository: "", plainHttp: noHttps, insecure, credential };
  const { client, dispatcher } = await connectRegistry(target, attempt, signal);
  try {
    return await client.logIn(signal);
  } finally {
    await dispatcher.destroy();
  }
}
