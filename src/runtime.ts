/**
 * Runs containers: programs of SIFs, SquashFS files and sandboxes, over the tools that the host has. Loads little, so
 * that a program starts at once; images are converted by the main module.
 * @packageDocumentation
 */

export { currentFolder } from "./bytes/current-folder.ts";
export { printable, printableLines } from "./bytes/printable.ts";
export { type ReadWholeOptions, readWholeText } from "./bytes/read-whole.ts";
export { type PathSearch, searchPath } from "./bytes/search-path.ts";
export { systemReason } from "./bytes/system-reason.ts";
export { SifonError } from "./errors.ts";
export { type ContainerOptions, containerHelp, type RunContainerRequest, runContainer } from "./run-container.ts";
export type { ActionRequest } from "./runtime/action/choose-command.ts";
export { ContainerError, type ContainerErrorCode } from "./runtime/container/errors.ts";
export { EngineError, type EngineErrorCode } from "./runtime/engine/errors.ts";
export type { Namespaces, ProgramEnd, RootImage } from "./runtime/engine/plan.ts";
export type { ProgramStreams, RunningProgram } from "./runtime/engine/session.ts";
export { type EnvFileResult, evaluateEnvFile } from "./runtime/environment/env-file.ts";
export { parseEnvOption } from "./runtime/environment/env-option.ts";
export { RuntimeError, type RuntimeErrorCode } from "./runtime/errors.ts";
export type { RuntimeMessage } from "./runtime/message.ts";
export { type BindSpec, parseBinds, parseMount } from "./runtime/options/binds.ts";
export { parseHome } from "./runtime/options/home.ts";
export { parseDns, parseList, parseNoMount, parseOverlay, parseScratch } from "./runtime/options/lists.ts";
export { VERSION } from "./version.ts";
