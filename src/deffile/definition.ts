/** A definition file, parsed; build arguments are put in. */
export interface DefinitionFile {
  /** As messages name it. */
  readonly name: string;
  /** In the order of the file; at least one. The last one is the container, the others are there to copy from. */
  readonly stages: readonly Stage[];
  /** What the container keeps of the file: the stages' texts, one behind the other. */
  readonly text: string;
}

/** One container that a definition builds. */
export interface Stage {
  /** From 0. */
  readonly index: number;
  /** Header `Stage`: what later stages copy from. */
  readonly name: string | undefined;
  /** By keyword in lower case, in the order of the file. */
  readonly header: ReadonlyMap<string, HeaderValue>;
  readonly scripts: Readonly<Partial<Record<ScriptName, Script>>>;
  /** In the order of the file; a key may come more than once, the last one counts. */
  readonly labels: readonly DefinitionLabel[];
  readonly files: readonly FileGroup[];
  /** In the order in which they are first named. */
  readonly apps: readonly App[];
}

/** A keyword's value, and its line. */
export interface HeaderValue {
  readonly value: string;
  readonly line: number;
}

/** Sections that are texts. */
export type ScriptName = "pre" | "setup" | "post" | "environment" | "runscript" | "startscript" | "test" | "help";
/** All of them. */
export const SCRIPT_NAMES: readonly ScriptName[] = [
  "pre",
  "setup",
  "post",
  "environment",
  "runscript",
  "startscript",
  "test",
  "help",
];

/** A section's text, to the byte: all lines behind the one that names it, the last line's end included. */
export interface Script {
  /** Of the `%` that begins it, from 1. */
  readonly line: number;
  /** What follows the section's name on its line, comment taken off: words for the shell. */
  readonly arguments: string;
  readonly text: string;
}

/** A line of %labels or %applabels. */
export interface DefinitionLabel {
  readonly key: string;
  readonly value: string;
  readonly line: number;
}

/** A %files section. */
export interface FileGroup {
  /** The stage that the files come from; undefined for the host. */
  readonly from: string | undefined;
  readonly line: number;
  readonly transfers: readonly FileTransfer[];
}

/** A line of %files or %appfiles. */
export interface FileTransfer {
  /** May have wildcards. */
  readonly source: string;
  /** "" where the line names none. */
  readonly destination: string;
  readonly line: number;
}

/** Sections of an app that are texts. */
export type AppScriptName = "install" | "run" | "start" | "env" | "test" | "help";
/** All of them. */
export const APP_SCRIPT_NAMES: readonly AppScriptName[] = ["install", "run", "start", "env", "test", "help"];

/** A SCIF app of a stage. */
export interface App {
  readonly name: string;
  readonly line: number;
  readonly scripts: Readonly<Partial<Record<AppScriptName, Script>>>;
  readonly labels: readonly DefinitionLabel[];
  readonly files: readonly FileTransfer[];
}
