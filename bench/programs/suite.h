/* Programs of the bench. Each unit of work starts from the same state, so that its checksum does not depend on how
   many units a machine has time for. */
#ifndef SUITE_H
#define SUITE_H
#include <stddef.h>
#include <stdint.h>

typedef uint32_t (*unit_of_work)(void);

struct program {
  const char *name;
  /* Does one unit and returns its checksum. */
  unit_of_work unit;
};

extern const struct program suite[];

/* A small generator of pseudo-random numbers; the state must not be zero. */
static inline uint32_t next_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

static inline uint32_t mix(uint32_t sum, uint32_t value) { return (sum ^ value) * 0x01000193u; }

/* Mixes any bytes into a checksum. */
static inline uint32_t mix_bytes(uint32_t sum, const void *bytes, size_t count) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < count; i++) sum = mix(sum, at[i]);
  return sum;
}

/* Ends the program with a message; the job runner then reports a failure. */
void fail(const char *what);

uint32_t core_unit(void);
uint32_t sha256_unit(void);
uint32_t multiply_unit(void);
uint32_t divide_unit(void);
uint32_t fib_unit(void);
uint32_t indirect_unit(void);
uint32_t matrix_unit(void);
uint32_t nbody_unit(void);
uint32_t mandelbrot_unit(void);
uint32_t latency_unit(void);
uint32_t memcpy_unit(void);
uint32_t memset_unit(void);
uint32_t page_fault_unit(void);
uint32_t getpid_unit(void);
uint32_t clock_unit(void);
uint32_t pipe_unit(void);
uint32_t fork_exec_unit(void);
uint32_t rewrite_unit(void);

#endif
