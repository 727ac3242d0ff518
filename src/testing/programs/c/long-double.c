/* Prints what the C library and the x87 make of pseudo-random long doubles, bit by bit: `long-double arithmetic`, whose
   lines are the same on every processor, or `long-double functions`, whose transcendental instructions may differ in
   the last place. `long-double compare FILE FILE` says how near each other's functions two processors are. The host's
   processor prints what a guest's must come to. */
#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef long double real;

enum { arithmetic_rounds = 400, function_rounds = 300 };
/* What an instruction's last place may become in a function that is made of several. */
enum { tolerance = 4 };

static uint64_t state = 0x6d657a7a;

static uint64_t random_bits(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static real from_parts(uint64_t significand, unsigned sign_exponent) {
  real x = 0;
  uint16_t high = (uint16_t)sign_exponent;
  memcpy(&x, &significand, sizeof significand);
  memcpy((char *)&x + sizeof significand, &high, sizeof high);
  return x;
}

static void to_parts(real x, uint64_t *significand, unsigned *sign_exponent) {
  uint16_t high;
  memcpy(significand, &x, sizeof *significand);
  memcpy(&high, (const char *)&x + sizeof *significand, sizeof high);
  *sign_exponent = high;
}

/* A number around 2^exponent, of either sign. */
static real random_near(int exponent, int spread) {
  uint64_t significand = random_bits() | 1ull << 63;
  int biased = 0x3fff + exponent + (int)(random_bits() % (2u * (unsigned)spread + 1)) - spread;
  return from_parts(significand, (unsigned)biased | (random_bits() & 1 ? 0x8000u : 0));
}

static const uint64_t significands[] = {0, 1, 1ull << 62, 1ull << 63, (1ull << 63) + 1, 3ull << 62, ~0ull, ~0ull << 11};

/* Any number, zero, denormal, infinity or quiet NaN; edges often. */
static real random_real(void) {
  unsigned choice = random_bits() % 16;
  unsigned sign = random_bits() & 1 ? 0x8000u : 0;
  if (choice == 0) return from_parts(0, sign);
  if (choice == 1) return from_parts(1ull << 63, sign | 0x7fff);
  if (choice == 2) return from_parts(random_bits() | 3ull << 62, sign | 0x7fff);
  if (choice == 3) return from_parts(random_bits() >> 1, sign);
  uint64_t edge = significands[random_bits() % 8] | 1ull << 63;
  uint64_t significand = choice < 8 ? edge : random_bits() | 1ull << 63;
  if (choice == 4 || choice == 9) return from_parts(significand, sign | (1 + random_bits() % 0x7ffe));
  return from_parts(significand, sign | (0x3fff - 70 + random_bits() % 140));
}

static void print_real(const char *name, real x) {
  uint64_t significand;
  unsigned high;
  to_parts(x, &significand, &high);
  printf(" %s=%04x:%016" PRIx64, name, high, significand);
}

static void print_flags(void) {
  int raised = fetestexcept(FE_ALL_EXCEPT);
  printf(" %s%s%s%s%s\n", raised & FE_INVALID ? "I" : "", raised & FE_DIVBYZERO ? "Z" : "",
         raised & FE_OVERFLOW ? "O" : "", raised & FE_UNDERFLOW ? "U" : "", raised & FE_INEXACT ? "P" : "");
}

static void arithmetic(real x, real y) {
  volatile real a = x, b = y;
  feclearexcept(FE_ALL_EXCEPT);
  print_real("x", a);
  print_real("y", b);
  print_real("sum", a + b);
  print_real("difference", a - b);
  print_real("product", a * b);
  print_real("quotient", a / b);
  print_real("root", sqrtl(fabsl(a)));
  print_flags();
  feclearexcept(FE_ALL_EXCEPT);
  print_real("rint", rintl(a));
  print_real("floor", floorl(a));
  print_real("ceil", ceill(a));
  print_real("trunc", truncl(a));
  print_real("round", roundl(a));
  print_real("fmod", fmodl(a, b));
  print_real("remainder", remainderl(a, b));
  print_real("next", nextafterl(a, b));
  print_real("scalbn", scalbnl(a, (int)(random_bits() % 64) - 32));
  print_real("logb", logbl(a));
  print_flags();
  volatile double narrow = (double)a;
  volatile float narrower = (float)a;
  print_real("double", narrow);
  print_real("float", narrower);
  /* What does not fit has no meaning in C. */
  if (fabsl(a) < 9e18L) printf(" %" PRId64 " %" PRId64, (int64_t)a, (int64_t)llrintl(a));
  if (a > -1 && a < 1.8e19L) printf(" %" PRIu64, (uint64_t)a);
  if (fabsl(a) < 2e9L) printf(" %" PRId32, (int32_t)a);
  printf(" %d%d%d%d%d\n", a < b, a <= b, a == b, a != b, (int)isunordered(a, b));
}

/* Decimal digits and back. */
static void text(real x) {
  char decimal[96], hexadecimal[64];
  snprintf(decimal, sizeof decimal, "%.25Le", x);
  snprintf(hexadecimal, sizeof hexadecimal, "%La", x);
  printf(" %s %s %.20Lg %.6Lf", decimal, hexadecimal, x, fabsl(x) < 1e30L ? x : 0);
  print_real("decimal", strtold(decimal, NULL));
  print_real("hexadecimal", strtold(hexadecimal, NULL));
  printf("\n");
}

typedef real function(real);
struct named {
  const char *name;
  function *function;
  int exponent, spread;
};

static const struct named functions[] = {
    {"exp", expl, 2, 6},     {"exp2", exp2l, 2, 6},     {"expm1", expm1l, -3, 6}, {"exp10", exp10l, 1, 5},
    {"log", logl, 0, 60},    {"log2", log2l, 0, 60},    {"log10", log10l, 0, 60}, {"log1p", log1pl, -3, 9},
    {"sin", sinl, 1, 9},     {"cos", cosl, 1, 9},       {"tan", tanl, 1, 9},      {"asin", asinl, -4, 3},
    {"acos", acosl, -4, 3},  {"atan", atanl, 0, 9},     {"sinh", sinhl, 0, 5},    {"cosh", coshl, 0, 5},
    {"tanh", tanhl, 0, 4},   {"asinh", asinhl, 0, 9},   {"acosh", acoshl, 4, 3},  {"atanh", atanhl, -5, 4},
    {"cbrt", cbrtl, 0, 200}, {"gamma", tgammal, 1, 3},  {"erf", erfl, 0, 3},      {"lgamma", lgammal, 3, 3},
};

static int is_of_positive(const char *name) { return !strncmp(name, "log", 3) || !strcmp(name, "acosh"); }

static void print_functions(void) {
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    for (int round = 0; round < function_rounds; round++) {
      real x = random_near(functions[i].exponent, functions[i].spread);
      if (is_of_positive(functions[i].name)) x = fabsl(x);
      printf("%s", functions[i].name);
      print_real("x", x);
      print_real("f", functions[i].function(x));
      printf("\n");
    }
  }
  for (int round = 0; round < function_rounds; round++) {
    real x = fabsl(random_near(0, 9)), y = random_near(0, 5);
    printf("two");
    print_real("x", x);
    print_real("y", y);
    print_real("pow", powl(x, y));
    print_real("atan2", atan2l(y, x));
    print_real("hypot", hypotl(x, y));
    printf("\n");
  }
}

static void print_arithmetic(void) {
  static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
  for (int mode = 0; mode < 4; mode++) {
    for (int round = 0; round < arithmetic_rounds; round++) {
      fesetround(modes[mode]);
      real x = random_real(), y = random_real();
      arithmetic(x, y);
    }
  }
  fesetround(FE_TONEAREST);
  for (int round = 0; round < arithmetic_rounds; round++) {
    real x = random_real();
    if (!isnan(x)) text(x);
  }
}

/* Units in the last place between two numbers of one exponent, `tolerance` + 1 for all that are further apart. */
static uint64_t distance(const char *one, const char *other) {
  unsigned high[2];
  uint64_t low[2];
  const char *words[] = {one, other};
  if (strcmp(one, other) == 0) return 0;
  for (int i = 0; i < 2; i++) {
    const char *value = strchr(words[i], '=');
    if (!value || sscanf(value + 1, "%x:%" SCNx64, &high[i], &low[i]) != 2) return tolerance + 1;
  }
  uint64_t apart = low[0] < low[1] ? low[1] - low[0] : low[0] - low[1];
  return high[0] != high[1] || apart > tolerance ? tolerance + 1 : apart;
}

static int compare(const char *one, const char *other) {
  FILE *files[2] = {fopen(one, "r"), fopen(other, "r")};
  char words[2][128];
  int numbers = 0, near = 0, wrong = 0;
  if (!files[0] || !files[1]) return 2;
  for (;;) {
    int count = 0;
    for (int i = 0; i < 2; i++) count += fscanf(files[i], "%127s", words[i]) == 1;
    if (count == 0) break;
    uint64_t apart = count == 2 ? distance(words[0], words[1]) : tolerance + 1;
    numbers++;
    if (apart > tolerance) printf("%s is %s\n", words[0], words[1]), wrong++;
    else if (apart > 0) near++;
  }
  printf("%d words, %d differ in the last places, %d are wrong\n", numbers, near, wrong);
  return wrong > 0;
}

int main(int count, char **words) {
  if (count == 2 && !strcmp(words[1], "arithmetic")) print_arithmetic();
  else if (count == 2 && !strcmp(words[1], "functions")) print_functions();
  else if (count == 4 && !strcmp(words[1], "compare")) return compare(words[2], words[3]);
  else return 2;
  return 0;
}
