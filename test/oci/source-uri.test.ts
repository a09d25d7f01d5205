import { describe, expect, it } from "vitest";
import { pullOutputName } from "../../src/oci/output-name.ts";
import { hasTransport, parseSourceUri } from "../../src/oci/source-uri.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

describe("parseSourceUri()", () => {
  it.each([
    ["docker://alpine", { transport: "docker", reference: { repository: "library/alpine" } }],
    ["docker:alpine", { transport: "docker", reference: { repository: "library/alpine" } }],
    ["docker-daemon:ep:latest", { transport: "docker-daemon", image: "ep:latest" }],
    ["docker-daemon://ep:latest", { transport: "docker-daemon", image: "ep:latest" }],
    [`docker-daemon:ep@${DIGEST}`, { transport: "docker-daemon", image: `ep@${DIGEST}` }],
    [`docker-daemon:${DIGEST}`, { transport: "docker-daemon", image: DIGEST }],
    ["docker-archive:/p/da.tar", { transport: "docker-archive", path: "/p/da.tar", image: undefined }],
    ["docker-archive:f.tar:repo:tag", { transport: "docker-archive", path: "f.tar", image: "repo:tag" }],
    ["docker-archive:-", { transport: "docker-archive", path: "-", image: undefined }],
    ["oci:dir", { transport: "oci", path: "dir", tag: undefined, digest: undefined }],
    ["oci:/p/ep:both", { transport: "oci", path: "/p/ep", tag: "both", digest: undefined }],
    ["oci:d:docker.io/library/x:1", { transport: "oci", path: "d", tag: "docker.io/library/x:1", digest: undefined }],
    [`oci:dir@${DIGEST}`, { transport: "oci", path: "dir", tag: undefined, digest: DIGEST }],
    [`oci:dir:t@${DIGEST}`, { transport: "oci", path: "dir", tag: "t", digest: DIGEST }],
    ["oci:user@host/dir", { transport: "oci", path: "user@host/dir", tag: undefined, digest: undefined }],
    ["oci-archive:f.tar:tag", { transport: "oci-archive", path: "f.tar", tag: "tag", digest: undefined }],
  ])("reads %s", (text, expected) => {
    expect(parseSourceUri(text)).toMatchObject({ ...expected, text });
  });

  it.each([
    ["nosuch://x", "URI_TRANSPORT_UNKNOWN", "Unsupported transport type: nosuch"],
    ["library://x", "URI_TRANSPORT_UNKNOWN", "Unsupported transport type: library"],
    ["library:x", "URI_TRANSPORT_UNKNOWN", "Unsupported transport type: library"],
    ["oras://x", "URI_TRANSPORT_UNKNOWN", "Unsupported transport type: oras"],
    ["alpine", "URI_NO_TRANSPORT", "No transport type URI supplied"],
    ["alpine:3.18", "URI_NO_TRANSPORT", "docker://alpine:3.18"],
    ["./dir:x", "URI_NO_TRANSPORT", "No transport"],
    ["", "URI_NO_TRANSPORT", "No transport"],
    [":x", "URI_NO_TRANSPORT", "No transport"],
    ["docker://", "REFERENCE_INVALID", "invalid reference format"],
    ["docker:///x", "REFERENCE_INVALID", "invalid reference format"],
    ["docker://BadName/x", "REFERENCE_INVALID", "unable to parse image name docker://BadName/x"],
    ["docker-daemon:", "REFERENCE_INVALID", "docker-daemon:name[:tag|@digest]"],
    ["oci:", "REFERENCE_INVALID", "it has no path"],
    ["oci:dir:", "REFERENCE_INVALID", "nothing follows the colon"],
    ["oci:dir@sha256:abc", "REFERENCE_INVALID", "is not a digest"],
    ["docker-archive:", "REFERENCE_INVALID", "it has no path"],
  ])("refuses %s", (text, code, message) => {
    expect(() => parseSourceUri(text)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});

describe("hasTransport()", () => {
  it.each([
    ["docker://x", true],
    ["library:x", true],
    ["shub://x", true],
    ["x.def", false],
    ["dir:docker", false],
    [":x", false],
    ["docker", false],
  ])("%s → %s", (spec, expected) => {
    expect(hasTransport(spec)).toBe(expected);
  });
});

describe("pullOutputName()", () => {
  it.each([
    ["docker://alpine", "alpine_latest.sif"],
    ["docker://host:5000/foo/ep:v1.0", "ep_v1.0.sif"],
    ["docker://host:5000/ep", "ep_latest.sif"],
    ["docker://foo/ep@sha256:abc", "ep@sha256_abc.sif"],
    ["docker:ep:1", "ep_1.sif"],
    ["oci:/p/ep", "ep_latest.sif"],
    ["oci:/p/ep/", "ep_latest.sif"],
    ["oci:/p/ep:both", "ep_both.sif"],
    ["docker-archive:/p/da.tar", "da.tar_latest.sif"],
    ["docker://ep:1,docker://other:2", "ep_1.sif"],
  ])("%s → %s", (uri, expected) => {
    expect(pullOutputName(uri)).toBe(expected);
  });
});
