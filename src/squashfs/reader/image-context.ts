import type { RandomAccess } from "../../bytes/random-access.ts";
import type { ErrorDetails } from "../../errors.ts";
import type { Decompressor } from "../decompressors/decompressor.ts";
import { SquashfsReadError, type SquashfsReadErrorCode, type TableName } from "./errors.ts";
import type { ReadAhead } from "./read-ahead.ts";
import type { ImageHeader } from "./superblock.ts";

/** What every table of an open image needs. */
export interface ImageContext {
  readonly source: RandomAccess;
  readonly header: ImageHeader;
  readonly decompressor: Decompressor;
  /** For tables; data is read in its own runs. */
  readonly readAhead: ReadAhead;
}

/** An error of this image: its name and the table go in here, the rest by the caller. */
export function damaged(
  context: { readonly source: RandomAccess },
  code: SquashfsReadErrorCode,
  table: TableName,
  details: ErrorDetails,
): SquashfsReadError {
  return new SquashfsReadError(code, { source: context.source.name, table, ...details });
}
