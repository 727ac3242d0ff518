/* 64-bit multiplication and division, on 32 bits by the compiler's helpers. */
#include "suite.h"

enum { multiplications = 20000, divisions = 10000 };

uint32_t multiply_unit(void) {
  uint64_t x = 0x9e3779b97f4a7c15u, sum = 0;
  for (int i = 0; i < multiplications; i++) {
    x = (x ^ (x >> 29)) * 0xbf58476d1ce4e5b9u + (uint64_t)i;
    sum ^= x >> 17;
  }
  return (uint32_t)(sum ^ sum >> 32);
}

uint32_t divide_unit(void) {
  uint64_t dividend = 0xfedcba9876543210u, sum = 0;
  uint64_t divisor = 0x123456789u;
  for (int i = 0; i < divisions; i++) {
    uint64_t quotient = dividend / divisor;
    sum += quotient ^ (dividend % divisor);
    dividend -= quotient + 0x1234567;
    divisor += 0x10001;
  }
  return (uint32_t)(sum ^ sum >> 32);
}
