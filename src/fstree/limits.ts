/** Symlinks followed on one path before it counts as a loop: Linux's MAXSYMLINKS. */
export const MAX_SYMLINK_HOPS = 40;
