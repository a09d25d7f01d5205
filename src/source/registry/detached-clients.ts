import type { Dispatcher } from "undici";
import { Secret } from "../../auth/secret.ts";
import type { AskSource } from "../../layer/thread/detached-streams.ts";
import { toFailure } from "../../layer/thread/failure.ts";
import type { ProgressEvent } from "../../progress.ts";
import type { Authorizer } from "./authorization.ts";
import { BlobStream } from "./blob-stream.ts";
import { openRegistry } from "./connect-registry.ts";
import type { DetachedPlace, RegistryBlob, RegistryQuestion } from "./detached-blob.ts";
import { BUFFER_SIZE } from "./layer-prefetch.ts";
import type { AuthorizationAnswer, AuthorizationQuestion, RegistryClient } from "./registry-client.ts";

/** The registries that a layer's thread fetches from; their connections are kept from one layer to the next. */
export class DetachedClients {
  readonly #clients = new Map<number, Promise<RegistryClient>>();
  readonly #numbers = new Map<RegistryClient, number>();
  readonly #dispatchers: Dispatcher[] = [];
  readonly #closed = new AbortController();
  readonly #live = new Set<BlobStream>();
  /** By way of the blob that was opened last: those before may be done with, and all are of one source. */
  #askSource: AskSource | undefined;

  /** Opens a blob, which goes on at other places as the source says. */
  async open({ descriptor, place }: RegistryBlob, ask: AskSource): Promise<BlobStream> {
    this.#askSource = ask;
    const client = await this.#client(place);
    const stream = new BlobStream({
      client,
      descriptor,
      instead: async (failed, error) => {
        const [number, failure] = [this.#numbers.get(failed) as number, toFailure(error)];
        if (failure.kind === "source") return undefined;
        const next = await this.#ask({ kind: "instead", place: number, reached: failed.reached, failure });
        return next === undefined ? undefined : this.#client(next as DetachedPlace);
      },
      bufferSize: BUFFER_SIZE,
      signal: this.#closed.signal,
    });
    this.#live.add(stream);
    stream.once("close", () => this.#live.delete(stream));
    return stream;
  }

  /** Gives back all connections. */
  close(): void {
    this.#closed.abort();
    for (const stream of this.#live) stream.destroy();
    for (const dispatcher of this.#dispatchers) void dispatcher.destroy();
  }

  #client(place: DetachedPlace): Promise<RegistryClient> {
    const known = this.#clients.get(place.number) ?? this.#connect(place);
    this.#clients.set(place.number, known);
    return known;
  }

  async #connect({ number, access, credential, reached }: DetachedPlace): Promise<RegistryClient> {
    const authorizer = new AskedAuthorizer(
      credential,
      (question) => this.#ask({ kind: "authorize", place: number, question }) as Promise<AuthorizationAnswer>,
    );
    const onProgress = (event: ProgressEvent): void => {
      // What a listener throws ends the conversion.
      this.#ask({ kind: "progress", event }).catch((error: Error) => {
        for (const stream of this.#live) stream.destroy(error);
      });
    };
    const { client, dispatcher } = await openRegistry(access, authorizer, { reached, onProgress });
    this.#dispatchers.push(dispatcher);
    this.#numbers.set(client, number);
    return client;
  }

  #ask(question: RegistryQuestion): Promise<unknown> {
    return (this.#askSource as AskSource)(question);
  }
}

/** Asks the thread that has the passwords. */
class AskedAuthorizer implements Authorizer {
  readonly credential: Authorizer["credential"];
  readonly #ask: (question: AuthorizationQuestion) => Promise<AuthorizationAnswer>;
  #answer: AuthorizationAnswer = { header: undefined, secrets: [] };

  constructor(
    credential: Authorizer["credential"],
    ask: (question: AuthorizationQuestion) => Promise<AuthorizationAnswer>,
  ) {
    this.credential = credential;
    this.#ask = ask;
  }

  get used(): boolean {
    return this.#answer.header !== undefined;
  }

  get secrets(): readonly Secret[] {
    return this.#answer.secrets.map((secret) => new Secret(secret));
  }

  async header({ what }: Parameters<Authorizer["header"]>[0]): Promise<string | undefined> {
    this.#answer = await this.#ask({ what });
    return this.#answer.header;
  }

  async answer(...[challenges, shown, { what }]: Parameters<Authorizer["answer"]>): Promise<string | undefined> {
    this.#answer = await this.#ask({ what, refused: { challenges, shown } });
    return this.#answer.header;
  }
}
