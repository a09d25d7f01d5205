import type { Credential } from "../../auth/credential.ts";
import { SifonError } from "../../errors.ts";
import { type Failure, fromFailure } from "../../layer/thread/failure.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { DetachedLayer } from "../../oci/detached-layer.ts";
import type { OnProgress, ProgressEvent } from "../../progress.ts";
import { SourceError } from "../errors.ts";
import type { RegistryAccess } from "./connect-registry.ts";
import type { AuthorizationAnswer, AuthorizationQuestion, RegistryClient } from "./registry-client.ts";
import type { RegistryPlaces } from "./registry-places.ts";

/** A blob of a registry, for a thread that fetches it by itself. */
export interface RegistryBlob {
  readonly kind: "registry";
  readonly descriptor: Descriptor;
  readonly place: DetachedPlace;
}

/** A place to fetch from. What to show there is asked for at each request, as one token serves all layers. */
export interface DetachedPlace {
  readonly number: number;
  readonly access: RegistryAccess;
  readonly credential: Pick<Credential, "kind" | "origin">;
  readonly reached: boolean;
}

/** What a thread that fetches asks; see `answers` for what it gets. */
export type RegistryQuestion =
  | { readonly kind: "progress"; readonly event: ProgressEvent }
  | { readonly kind: "authorize"; readonly place: number; readonly question: AuthorizationQuestion }
  | {
      readonly kind: "instead";
      readonly place: number;
      readonly reached: boolean;
      readonly failure: Exclude<Failure, { kind: "source" }>;
    };

export interface DetachedBlobOptions {
  readonly places: RegistryPlaces;
  /** Where it is fetched from at first. */
  readonly client: RegistryClient;
  readonly onProgress: OnProgress | undefined;
  /** Aborted with the source. */
  readonly closed: AbortSignal;
}

/**
 * A blob that a thread of its own fetches. What all layers share stays here: which place is kept to, which token holds,
 * and who hears of retries.
 */
export function detachBlob(
  descriptor: Descriptor,
  { places, client, onProgress, closed }: DetachedBlobOptions,
): DetachedLayer {
  const description: RegistryBlob = { kind: "registry", descriptor, place: describe(places, client) };
  return {
    description,
    closed,
    async answer(value, signal): Promise<AuthorizationAnswer | DetachedPlace | undefined> {
      const question = value as RegistryQuestion;
      if (question.kind === "progress") {
        onProgress?.(question.event);
        return undefined;
      }
      const asking = places.opened(question.place) as RegistryClient;
      if (question.kind === "authorize") {
        if (question.question.refused !== undefined) asking.noteReached();
        return asking.authorize(question.question, signal);
      }
      if (question.reached) asking.noteReached();
      const error = fromFailure(question.failure, [SourceError]);
      const next = error instanceof SifonError ? await places.instead(asking, error, signal) : undefined;
      return next === undefined ? undefined : describe(places, next);
    },
  };
}

function describe(places: RegistryPlaces, client: RegistryClient): DetachedPlace {
  const { number, access } = places.placeOf(client);
  const { kind, origin } = client.options.authorizer.credential;
  // The environment may be the process's own, which cannot be cloned.
  return {
    number,
    access: { ...access, env: { ...access.env } },
    credential: { kind, origin },
    reached: client.reached,
  };
}
