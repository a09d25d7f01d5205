import { InternalError } from "../../errors.ts";
import type { LayerStream } from "../../oci/image.ts";
import { type ErrorClass, fromFailure } from "./failure.ts";
import type { LayerAnswer, LayerRequest, Opening } from "./messages.ts";

/** Asks the source, in its own thread; throws what it throws. */
export type AskSource = (question: unknown) => Promise<unknown>;

/** What a source's code can do in a layer's thread. */
export interface DetachedSource {
  /** Opens what a `DetachedLayer` describes. */
  open(description: unknown, ask: AskSource): Promise<LayerStream>;
  /** The source is closed: gives back what is kept between layers. */
  close(): void;
  /** Classes of errors that come from the source, beside a layer's own. */
  readonly errors: readonly ErrorClass[];
}

interface Question {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** The layers that a thread opens by itself: the one that is read, and the one that is likely to be next. */
export class DetachedStreams {
  readonly #source: DetachedSource;
  readonly #post: (answer: LayerAnswer) => void;
  readonly #open = new Map<number, Promise<LayerStream>>();
  readonly #questions = new Map<number, Question>();
  #asked = 0;

  constructor(source: DetachedSource, post: (answer: LayerAnswer) => void) {
    this.#source = source;
    this.#post = post;
  }

  /** Begins to receive a layer, as far as its buffer goes. */
  prepare(opening: Opening): void {
    this.#begin(opening).then(
      (stream) => stream.read(0),
      // Who takes it opens it anew, and hears of it.
      () => this.#open.delete(opening.number),
    );
  }

  /** Opens a layer, unless it was prepared; any that was prepared in its place is given up. */
  async take(opening: Opening): Promise<LayerStream> {
    const { number } = opening;
    // Later ones are prepared already: they may have come before this one's description.
    for (const other of this.#open.keys()) if (other < number) this.#drop(other);
    const prepared = await this.#open.get(number);
    // One that failed while nobody listened is tried anew, so that its error reaches the reader.
    if (prepared !== undefined && !prepared.destroyed) return prepared;
    this.#open.delete(number);
    return this.#begin(opening);
  }

  /** Ends what the source has open; it was closed. */
  close(number: number): void {
    this.#drop(number);
    this.#source.close();
  }

  answered(request: Extract<LayerRequest, { kind: "answer" | "refuse" }>): void {
    const question = this.#questions.get(request.question);
    this.#questions.delete(request.question);
    if (request.kind === "answer") question?.resolve(request.value);
    else if (request.failure.kind !== "source") question?.reject(fromFailure(request.failure, this.#source.errors));
    else question?.reject(new InternalError("a source's answer was that it has failed"));
  }

  async #begin({ number, description }: Opening): Promise<LayerStream> {
    const ask: AskSource = (value) =>
      new Promise((resolve, reject) => {
        const question = this.#asked++;
        this.#questions.set(question, { resolve, reject });
        this.#post({ kind: "ask", opening: number, question, value });
      });
    const opening = this.#source.open(description, ask).then((stream) => {
      // An error before a reader is there must not end the thread.
      stream.on("error", () => {});
      stream.once("close", () => {
        if (this.#open.get(number) === opening) this.#open.delete(number);
      });
      return stream;
    });
    this.#open.set(number, opening);
    return opening;
  }

  #drop(number: number): void {
    this.#open.get(number)?.then(
      (stream) => stream.destroy(),
      () => {},
    );
    this.#open.delete(number);
  }
}
