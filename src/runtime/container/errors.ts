import { type ErrorDetails, type MessageTable, SifonError } from "../../errors.ts";

/** Why a container cannot be run as it was asked for. */
export type ContainerErrorCode =
  | "MOUNT_IMPOSSIBLE"
  | "MOUNT_POINT_REFUSED"
  | "ARCHITECTURE_FOREIGN"
  | "IMAGE_UNREADABLE"
  | "WORKING_DIRECTORY_MISSING"
  | "PROGRAM_NOT_FOUND"
  | "NOT_WRITABLE"
  | "WORKDIR_UNUSABLE"
  | "OPTION_UNFIT";

// The sentences are Apptainer 1.4.5's where it has one: scripts and people search logs for them.
const MESSAGES: MessageTable<ContainerErrorCode> = {
  MOUNT_IMPOSSIBLE: (d) =>
    `container creation failed: mount hook function failure: mount ${d.source}->${d.target} error: while mounting ${d.source}: ${d.problem}`,
  MOUNT_POINT_REFUSED: (d) =>
    `container creation failed: mount hook function failure: hook function for tag layer returns error: failed to create ${d.path} ${d.kind}: ${d.kind === "file" ? "open" : "mkdir"} ${d.path}: ${d.problem}. Make it yourself, or mount at a place that is there.`,
  ARCHITECTURE_FOREIGN: (d) =>
    `While checking container encryption: could not open image ${d.path}: the image's architecture (${d.seen}) could not run on the host's (${d.limit}). Take an image for ${d.limit}, or let the kernel have an emulator for ${d.seen} (Debian's package: qemu-user-static).`,
  IMAGE_UNREADABLE: (d) => `While checking container encryption: could not open image ${d.path}: ${d.problem}`,
  WORKING_DIRECTORY_MISSING: (d) => `failed to set working directory: chdir ${d.path}: no such file or directory`,
  PROGRAM_NOT_FOUND: (d) => `${d.problem}`,
  WORKDIR_UNUSABLE: (d) =>
    `container creation failed: failed to create ${d.path}: mkdir ${d.path}: ${d.problem}. Name a directory that you may write to.`,
  NOT_WRITABLE: (d) => `${d.problem}`,
  OPTION_UNFIT: (d) => `${d.problem}`,
};

/** A container that cannot be run with these options, or with this image. */
export class ContainerError extends SifonError {
  declare readonly code: ContainerErrorCode;

  constructor(code: ContainerErrorCode, details: ErrorDetails = {}) {
    super(code, MESSAGES[code](details), details);
  }
}
