/* Asks floating point for its properties by computing alone, in the spirit of W. Kahan's Paranoia: float, double and
   long double, with what IEEE 754 says they must come to. The same source is compiled for SSE and for the x87, which
   then rounds to each format's precision by its control word. */
#include <float.h>
#include <math.h>
#include <stdio.h>

static int checks, failures;

static void check_that(int is_true, const char *what, const char *type, int line) {
  checks++;
  if (is_true) return;
  failures++;
  printf("%s, line %d: %s\n", type, line, what);
}

#ifdef ON_X87
/* Precision control (Intel SDM 1, section 8.1.5.2): 0 is 24 bits, 2 is 53, 3 is 64. */
static void set_precision(unsigned short bits) {
  unsigned short control;
  __asm__ volatile("fnstcw %0" : "=m"(control));
  control = (unsigned short)((control & ~0x300) | bits << 8);
  __asm__ volatile("fldcw %0" : : "m"(control));
}
#else
static void set_precision(unsigned short bits) { (void)bits; }
#endif

#define REAL float
#define NAME "float"
#define ROOT sqrtf
#define CHECKS float_checks
#define DIGITS FLT_MANT_DIG
#define LEAST FLT_MIN
#define MOST FLT_MAX
#define EXPONENTS 127
#include "float-checks.h"

#define REAL double
#define NAME "double"
#define ROOT sqrt
#define CHECKS double_checks
#define DIGITS DBL_MANT_DIG
#define LEAST DBL_MIN
#define MOST DBL_MAX
#define EXPONENTS 1023
#include "float-checks.h"

#define REAL long double
#define NAME "long double"
#define ROOT sqrtl
#define CHECKS long_double_checks
#define DIGITS LDBL_MANT_DIG
#define LEAST LDBL_MIN
#define MOST LDBL_MAX
#define EXPONENTS 16383
#include "float-checks.h"

int main(void) {
  set_precision(0);
  float_checks();
  set_precision(2);
  double_checks();
  set_precision(3);
  long_double_checks();
  printf("%d checks, %d failures\n", checks, failures);
  return failures != 0;
}
