/* Calls: a recursive function, and functions called through a table. */
#include "suite.h"

enum { depth = 18, calls = 20000 };

/* The compiler would turn part of the recursion into loops. */
__attribute__((noinline, noclone, optimize("no-optimize-sibling-calls", "no-inline"))) static uint32_t fib(uint32_t n) {
  return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

uint32_t fib_unit(void) {
  volatile uint32_t n = depth;
  return fib(n);
}

#define OPERATION(name, expression) \
  __attribute__((noinline)) static uint32_t name(uint32_t x) { return expression; }
OPERATION(add_odd, x + 0x9e3779b9u)
OPERATION(rotate_left, x << 7 | x >> 25)
OPERATION(flip, x ^ 0x5bd1e995u)
OPERATION(scale, x * 5 + 1)
OPERATION(fold, x ^ x >> 15)
OPERATION(negate, 0 - x)
OPERATION(shift_add, x + (x << 3))
OPERATION(swap_halves, x << 16 | x >> 16)

static uint32_t (*const volatile operations[8])(uint32_t) = {add_odd, rotate_left, flip,      scale,
                                                             fold,    negate,      shift_add, swap_halves};

uint32_t indirect_unit(void) {
  uint32_t x = 1, choice = 0x6d657a7a;
  for (int i = 0; i < calls; i++) {
    choice = choice * 1664525u + 1013904223u;
    x = operations[choice >> 29](x);
  }
  return x;
}
