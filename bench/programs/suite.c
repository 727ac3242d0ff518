/* suite NAME COUNT: does one unit of a program's work, prints "begin", does COUNT more, and prints the checksum that all
   of them had. */
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fail(const char *what) {
  perror(what);
  exit(1);
}

static const struct program *find(const char *name) {
  for (const struct program *at = suite; at->name; at++) {
    if (strcmp(at->name, name) == 0) return at;
  }
  return NULL;
}

int main(int argc, char **argv) {
  const struct program *program = argc == 3 ? find(argv[1]) : NULL;
  if (!program) {
    fprintf(stderr, "usage: suite NAME COUNT\n");
    return 2;
  }
  long count = atol(argv[2]);
  uint32_t sum = program->unit();
  puts("begin");
  fflush(stdout);
  for (long i = 0; i < count; i++) {
    uint32_t other = program->unit();
    if (other == sum) continue;
    printf("unit %ld has the checksum %08x, the first had %08x\n", i + 2, other, sum);
    return 1;
  }
  printf("%08x\n", sum);
  return 0;
}
