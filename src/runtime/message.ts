/** What a user is told while a container is prepared, in Apptainer's words. */
export interface RuntimeMessage {
  readonly level: "info" | "warning" | "error" | "verbose";
  readonly text: string;
}
