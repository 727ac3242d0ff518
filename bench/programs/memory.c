/* Memory: a chain of dependent loads over 32 MiB, and moving and filling 8 MiB. */
#include "suite.h"
#include <stdlib.h>
#include <string.h>

enum { cells = 512 << 10, hops = 20000, block = 8 << 20 };

/* A cache line. */
struct cell {
  uint32_t next;
  uint32_t unused[15];
};

static struct cell *chain;

/* One cycle through all cells in random order (Sattolo's algorithm). */
static void make_chain(void) {
  uint32_t seed = 0x6d657a7a;
  chain = malloc(cells * sizeof *chain);
  if (!chain) fail("malloc");
  for (uint32_t i = 0; i < cells; i++) chain[i].next = i;
  for (uint32_t i = cells - 1; i > 0; i--) {
    uint32_t j = next_random(&seed) % i, kept = chain[i].next;
    chain[i].next = chain[j].next;
    chain[j].next = kept;
  }
}

/* Goes on where the unit before it ended: the caches must not know the way. */
uint32_t latency_unit(void) {
  static uint32_t at;
  if (!chain) make_chain();
  for (int i = 0; i < hops; i++) at = chain[at].next;
  return at < cells;
}

static unsigned char *from, *to;

static void make_blocks(void) {
  from = malloc(block);
  to = malloc(block);
  if (!from || !to) fail("malloc");
  memset(from, 0x5a, block);
  for (int i = 0; i < block; i += 4096) from[i] = (unsigned char)(i >> 12);
  memset(to, 0, block);
}

uint32_t memcpy_unit(void) {
  if (!from) make_blocks();
  memcpy(to, from, block);
  __asm__ volatile("" ::: "memory");
  return mix(mix(1, to[block / 2]), to[block - 1]);
}

uint32_t memset_unit(void) {
  if (!from) make_blocks();
  memset(to, 0x5a, block);
  __asm__ volatile("" ::: "memory");
  return mix(mix(1, to[block / 2]), to[block - 1]);
}
