/* What Debian's C libraries do with the corpus. Reads commands, one a line:
 *   load FILE            blocks, a 32-bit size in front of each
 *   run LIBRARY LEVEL    answers with nanoseconds of processor time and bytes (blocks that do not shrink count as stored)
 */
#include <libdeflate.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

static unsigned char *data;
static size_t data_size;
static unsigned char out[1 << 21];

static void load(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) exit(2);
  fseek(file, 0, SEEK_END);
  data_size = ftell(file);
  rewind(file);
  free(data);
  data = malloc(data_size);
  if (fread(data, 1, data_size, file) != data_size) exit(2);
  fclose(file);
}

static uint64_t run(const char *library, int level) {
  uint64_t total = 0;
  z_stream z = {0};
  struct libdeflate_compressor *c = NULL;
  int is_zlib = !strcmp(library, "zlib");
  int is_lz4 = !strcmp(library, "lz4");
  if (is_zlib) deflateInit2(&z, level, Z_DEFLATED, 15, 8, Z_DEFAULT_STRATEGY); /* as mksquashfs */
  else if (!is_lz4) c = libdeflate_alloc_compressor(level);
  for (size_t at = 0; at < data_size;) {
    uint32_t size;
    memcpy(&size, data + at, 4);
    const unsigned char *block = data + at + 4;
    size_t got;
    if (is_zlib) {
      deflateReset(&z);
      z.next_in = (unsigned char *)block;
      z.avail_in = size;
      z.next_out = out;
      z.avail_out = size;
      got = deflate(&z, Z_FINISH) == Z_STREAM_END ? z.total_out : 0;
    } else if (is_lz4) {
      got = level ? LZ4_compress_HC((const char *)block, (char *)out, size, size, level)
                  : LZ4_compress_default((const char *)block, (char *)out, size, size);
    } else {
      got = libdeflate_zlib_compress(c, block, size, out, size);
    }
    total += got && got < size ? got : size;
    at += 4 + size;
  }
  if (is_zlib) deflateEnd(&z);
  else if (!is_lz4) libdeflate_free_compressor(c);
  return total;
}

int main(void) {
  char line[4096], argument[4000];
  int level;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "load %3999[^\n]", argument) == 1) {
      load(argument);
      puts("ok");
    } else if (sscanf(line, "run %3999s %d", argument, &level) == 2) {
      struct timespec a, b;
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
      uint64_t size = run(argument, level);
      clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
      printf("%lld %llu\n", (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec, (unsigned long long)size);
    }
    fflush(stdout);
  }
}
