/** How a container's files are looked at. */
export interface ViewOptions {
  /** Bytes; a file with more is as if it were not there. Without it such a file is an error, from the view's own limit on. */
  readonly largest?: number;
}
