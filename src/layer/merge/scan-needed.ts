/**
 * Thrown inside the merge where one pass from the top down cannot tell what an image means, or has let bytes
 * go by that stay. The image is then scanned from the bottom up (`scan.ts`). Never leaves the merge.
 */
export class ScanNeeded extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = "ScanNeeded";
  }
}
