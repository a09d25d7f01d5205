import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatReference, parseDockerReference } from "../../src/oci/reference.ts";

const DIGEST = `sha256:${"0".repeat(64)}`;

describe("parseDockerReference()", () => {
  it.each([
    ["alpine", "index.docker.io", "library/alpine", "latest", undefined],
    ["alpine:3.18", "index.docker.io", "library/alpine", "3.18", undefined],
    ["godlovedc/lolcow", "index.docker.io", "godlovedc/lolcow", "latest", undefined],
    ["docker.io/alpine", "index.docker.io", "library/alpine", "latest", undefined],
    ["index.docker.io/library/alpine", "index.docker.io", "library/alpine", "latest", undefined],
    ["localhost/x", "localhost", "x", "latest", undefined],
    ["localhost:5000/x:y", "localhost:5000", "x", "y", undefined],
    ["host:5000/foo/ep:v1.0", "host:5000", "foo/ep", "v1.0", undefined],
    ["ghcr.io/a/b/c", "ghcr.io", "a/b/c", "latest", undefined],
    ["host/x", "index.docker.io", "host/x", "latest", undefined],
    ["[::1]:5000/x", "[::1]:5000", "x", "latest", undefined],
    ["Host.Example/x", "Host.Example", "x", "latest", undefined],
    [`ep@${DIGEST}`, "index.docker.io", "library/ep", undefined, DIGEST],
    [`q.io/ep:1@${DIGEST}`, "q.io", "ep", "1", DIGEST],
    ["a__b/c--d/e.f_g", "index.docker.io", "a__b/c--d/e.f_g", "latest", undefined],
    [`q.io/x:${"t".repeat(128)}`, "q.io", "x", "t".repeat(128), undefined],
    [`q.io/${"a".repeat(250)}`, "q.io", "a".repeat(250), "latest", undefined],
  ])("reads %s", (text, registry, repository, tag, digest) => {
    expect(parseDockerReference(text)).toEqual({ registry, repository, tag, digest });
  });

  it.each([
    [
      "BadName/x",
      "unable to parse image name docker://BadName/x: invalid reference format: repository name must be lowercase",
    ],
    ["", "invalid reference format"],
    ["/x", "invalid reference format"],
    ["q.io/", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["a/../b", "invalid reference format"],
    ["a b", "invalid reference format"],
    ["a:", "invalid reference format"],
    ["a:-x", "invalid reference format"],
    [`a:${"t".repeat(129)}`, "invalid reference format"],
    ["a@sha256:abc", "is not a digest"],
    ["a@", "is not a digest"],
    ["ho_st.io/x", "is not a registry host"],
    ["host:123456/x", "is not a registry host"],
    ["user:pass@host.io/x", "invalid reference format"],
    ["0".repeat(64), "cannot specify 64-byte hexadecimal strings"],
    [`q.io/${"a".repeat(251)}`, "must not be more than 255 characters"],
  ])("refuses %s", (text, problem) => {
    expect(() => parseDockerReference(text)).toThrow(
      expect.objectContaining({ code: "REFERENCE_INVALID", message: expect.stringContaining(problem) }),
    );
  });

  it("reads what formatReference() writes", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const reference = fc.record({
      registry: fc.constantFrom("index.docker.io", "q.io", "host:1", "localhost"),
      repository: fc.array(part, { minLength: 2, maxLength: 4 }).map((parts) => parts.join("/")),
      tag: fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,10}$/),
    });
    fc.assert(
      fc.property(reference, (r) => {
        expect(parseDockerReference(formatReference({ ...r, digest: undefined }))).toEqual({ ...r, digest: undefined });
      }),
    );
  });

  it("gives a reference or a REFERENCE_INVALID for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        try {
          parseDockerReference(text);
        } catch (error) {
          expect(error).toMatchObject({ code: "REFERENCE_INVALID" });
        }
      }),
    );
  });
});
