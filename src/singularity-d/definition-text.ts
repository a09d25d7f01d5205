/** A definition as far as the container's files tell of it. */
export interface Definition {
  /** `/.singularity.d/Singularity` and the SIF's definition object. */
  readonly text: string;
  /** Header keywords of the last stage, lower case, in their order: they become labels. */
  readonly keywords: readonly (readonly [keyword: string, value: string])[];
}

/**
 * The definition that stands for a plain reference, as Apptainer words it: `docker://alpine` gives
 * `bootstrap: docker`, `from: alpine`. Nothing of the reference is changed but the two slashes taken off.
 */
export function definitionOfReference(reference: string): Definition {
  const colon = reference.indexOf(":");
  if (colon < 0) throw new TypeError(`"${reference}" names no transport`);
  const transport = reference.slice(0, colon);
  const rest = reference.slice(colon + 1).replace(/^\/\//, "");
  return {
    text: `bootstrap: ${transport}\nfrom: ${rest}\n\n`,
    keywords: [
      ["bootstrap", transport],
      ["from", rest],
    ],
  };
}
