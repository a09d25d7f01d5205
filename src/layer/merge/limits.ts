// The other two limits are the tree's: MAX_NAME_SIZE (fstree/tree.ts) and MAX_SYMLINK_HOPS (fstree/limits.ts).

/** Bytes of an entry's path. Linux opens at most 4,096 at once but reaches deeper by steps; past this it is a trick. */
export const MAX_PATH_SIZE: number = 65_535;

/** Bytes of a symlink's target: Linux's squashfs driver refuses more than a page. */
export const MAX_TARGET_SIZE: number = 4096;

/** Entries of one layer. The tree takes about 100 bytes for each that stays: 6.4 GiB. */
export const MAX_ENTRIES: number = 1 << 26;

/** Levels of two directories that are joined behind a symlink by recursion; deeper ones are left to the scan. */
export const MAX_GRAFT_DEPTH: number = 256;

/** Layers of an image; their numbers are kept in 16 bits. Docker allows 127. */
export const MAX_LAYERS: number = 65_534;

/** Bytes of a file that `capture` asked for; larger ones are not captured. */
export const MAX_CAPTURE_SIZE: number = 1 << 20;
