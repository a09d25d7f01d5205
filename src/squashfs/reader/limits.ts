/** Most bytes of one attribute's name with its prefix: Linux's XATTR_NAME_MAX. */
export const MAX_XATTR_NAME_SIZE = 255;

/** Most bytes of one attribute's value: Linux's XATTR_SIZE_MAX. */
export const MAX_XATTR_VALUE_SIZE = 65_536;

/**
 * Most bytes of one inode's attributes, as in the tar header that they come with. Values out of line may be shared,
 * so a small image can name many: without this an inode of 32 KB could ask for gigabytes.
 */
export const MAX_XATTRS_SIZE: number = 1024 * 1024;

/**
 * Most bytes of all different sets of attributes: so many, and for each byte that the table has on disk
 * {@link XATTRS_EXPANSION} more. Signatures of a million files are large on disk, too; a bomb is not.
 */
export const XATTRS_BASE: number = 4 * 1024 * 1024;
/** What compression and sharing may make of a byte: values of 512 bytes, referred to in 16, make 32. */
export const XATTRS_EXPANSION = 32;

/** Attributes kept: those of the set that was asked for last at least. */
export const XATTR_CACHE_SIZE: number = 256 * 1024;

/** Longest path that a walk gives. Linux opens 4096 bytes at a time; deeper trees exist, endless ones do not. */
export const MAX_PATH_SIZE = 16_384;

/** As many symlinks as Linux follows for one path. */
export const MAX_SYMLINKS = 40;

/**
 * Fewest bytes that a metadata block can take, header included, whatever the compressor: the bound for what a
 * table of a given size may hold once decompressed. Zstandard's shortest frame of one repeated byte is the reason.
 */
export const MIN_METADATA_BLOCK_DISK_SIZE = 8;

/** Fewest bytes of an inode: a fifo's. */
export const MIN_INODE_SIZE = 20;

/** Bytes read at once where metadata or consecutive data blocks are read in order. */
export const READ_AHEAD: number = 64 * 1024;

/** Decompressed metadata kept: 512 blocks. Trades memory against decompressing again in walks that jump. */
export const METADATA_CACHE_SIZE: number = 4 * 1024 * 1024;

/** Decompressed fragment blocks kept; at least one stays, whatever its size. */
export const FRAGMENT_CACHE_SIZE: number = 4 * 1024 * 1024;

/** Compressed data of one file read at once; a block that is larger is read alone. Trades memory against calls. */
export const DATA_READ_SIZE: number = 256 * 1024;
