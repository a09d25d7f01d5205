import { NO_SUCH_FILE } from "../layout-files.ts";
import type { OpenedLayout } from "../oci-layout.ts";
import type { ArchiveFile } from "./archive-file.ts";

/** An OCI layout inside a tar: `oci-archive:`, and what Docker saves since version 25. */
export function archiveLayout(archive: ArchiveFile, tag: string | undefined): OpenedLayout {
  return {
    files: {
      size: async (name) => archive.size(name) ?? NO_SUCH_FILE,
      read: (name, limit, signal) => archive.read(name, limit, signal),
      open: (name, signal) => archive.open(name, signal),
      locate: (name) => archive.locate(name),
      close: () => archive.close(),
    },
    tag,
  };
}
