/* The checks for one format: REAL with its NAME, ROOT, DIGITS, LEAST, MOST and EXPONENTS, as the function CHECKS. Results are
   stored before they are compared: on the x87 a register has a wider exponent than the format. */
#define check(condition) check_that(condition, #condition, NAME, __LINE__)

static void CHECKS(void) {
  volatile REAL zero = 0, one = 1, two = 2, three = 3, half = (REAL)0.5, x, y, z;
  int count;

  /* Radix and precision (M. Malcolm): the first power of two that adding one does not change. */
  for (x = one, count = 0; y = x + one, z = y - x, z == one && count < 200; count++) x = x + x;
  check(count == DIGITS);
  for (y = one; z = x + y, z = z - x, z == zero; y = y + one) continue;
  check(z == two);
  volatile REAL radix_power = x, ulp = one;
  for (int i = 1; i < DIGITS; i++) ulp = ulp * half;
  volatile REAL above = one + ulp, below = one - ulp * half;
  x = above - one;
  check(x == ulp);
  x = one - below;
  check(x == ulp * half);

  /* Thirds know the precision: (4/3 - 1) * 3 - 1 is one unit in the last place. */
  x = two * two / three;
  x = x - one;
  x = x * three;
  x = x - one;
  check((x < zero ? -x : x) == ulp);

  /* Guard digits: nothing is lost in what cancels, nor in products and quotients by one. */
  x = one - below;
  y = below - one;
  check(x > zero && y < zero && x == -y);
  x = above * below;
  check(x < above && x >= one - ulp);
  x = below * one;
  check(x == below);
  x = one / below;
  check(x == above);
  x = below / above;
  check(x < below);

  /* Rounding to nearest, ties to even, with all the digits that are cut off taken into account. */
  x = one + ulp * half;
  check(x == one);
  x = above + ulp * half;
  check(x == one + two * ulp);
  y = ulp * half;
  y = y + y * ulp;
  x = one + y;
  check(x == above);
  y = ulp * half;
  y = y - y * ulp;
  x = one + y;
  check(x == one);
  x = one - ulp / (two * two);
  check(x == one);
  y = ulp / (two * two);
  y = y + y * ulp;
  x = one - y;
  check(x == below);
  x = above * above;
  check(x == one + two * ulp);
  x = below * below;
  check(x == one - ulp);
  y = one + half;
  x = y * above;
  check(x == y + two * ulp);
  x = (one + two * ulp) / above;
  check(x == above);
  x = -above - ulp * half;
  check(x == -one - two * ulp);

  /* Small integers are exact in all operations, commute and are where they belong. */
  for (int i = 1; i <= 40; i++) {
    for (int j = 1; j <= 40; j++) {
      volatile REAL a = (REAL)i, b = (REAL)j;
      x = a + b;
      y = a * b;
      z = a - b;
      check(x == (REAL)(i + j) && y == (REAL)(i * j) && z == (REAL)(i - j));
      x = y / b;
      check(x == a);
      check((a < b) == (i < j) && (a <= b) == (i <= j) && (a == b) == (i == j) && (z < zero) == (i < j));
      x = a / b;
      y = x * b;
      y = y - a;
      check((y < zero ? -y : y) <= a * ulp);
      x = b / a;
      y = a / b;
      z = x * y;
      check(z >= one - two * ulp && z <= one + two * ulp);
    }
  }

  /* Square roots: exact where they can be, monotonic, and rounded right on either side of one. */
  for (int i = 0; i <= 300; i++) {
    x = (REAL)i * (REAL)i;
    y = ROOT(x);
    check(y == (REAL)i);
    y = ROOT((REAL)i);
    z = ROOT((REAL)(i + 1));
    check(y < z);
    x = y * y;
    x = x - (REAL)i;
    check((x < zero ? -x : x) <= (REAL)(i + 1) * two * ulp);
  }
  x = ROOT(one + two * ulp);
  check(x == above);
  x = ROOT(above);
  check(x == one);
  x = ROOT(below);
  check(x == below);
  x = ROOT(one - ulp);
  check(x == below);
  x = ROOT(LEAST);
  y = x * x;
  check(y == LEAST);
  x = ROOT(-zero);
  y = one / x;
  check(x == zero && y < zero);

  /* Integer powers: x^i * x^j is x^(i + j) as long as it is exact; large powers of two are. */
  for (x = one, count = 0; count < EXPONENTS; count++) x = x + x;
  for (y = one, count = 0; count < EXPONENTS; count++) y = y * half;
  z = x * y;
  check(z == one);
  z = one / y;
  check(z == x);
  x = x * (two - ulp);
  check(x == MOST);

  /* Overflow ends at infinity, which takes part in arithmetic. */
  volatile REAL infinity = MOST;
  infinity = infinity * two;
  check(infinity > MOST);
  x = MOST + MOST * ulp;
  check(x == infinity);
  y = MOST * ulp;
  y = y / (two * two) / two;
  x = MOST + y;
  check(x == MOST);
  x = one / infinity;
  check(x == zero);
  x = one / zero;
  check(x == infinity);
  x = -one / zero;
  check(x == -infinity);
  x = infinity + infinity;
  check(x == infinity);
  x = infinity * -infinity;
  check(x == -infinity);
  x = ROOT(infinity);
  check(x == infinity);

  /* Underflow is gradual: x - y is zero only where x is y, and halves down to the least denormal number. */
  for (y = LEAST, count = 0; z = y * half, z > zero; count++) {
    check(z + z == y && z < y && y - z == z);
    y = z;
  }
  check(count == DIGITS - 1);
  volatile REAL least = y;
  x = LEAST + least;
  z = x - LEAST;
  check(x > LEAST && z == least);
  z = LEAST - x;
  check(z == -least);
  x = least * half;
  check(x == zero);
  x = least * (half + ulp);
  check(x == least);
  x = least * (one + half);
  check(x == least + least);
  x = LEAST / two;
  y = x + x;
  check(y == LEAST);
  x = LEAST * below;
  check(x == LEAST);
  x = -least * half;
  y = one / x;
  check(x == zero && y == -infinity);

  /* What is not a number compares with nothing. */
  volatile REAL nan = infinity - infinity;
  check(nan != nan && !(nan == nan) && !(nan < one) && !(nan > one) && !(nan <= one) && !(nan >= one));
  x = zero * infinity;
  check(x != x);
  x = zero / zero;
  check(x != x);
  x = infinity / infinity;
  check(x != x);
  x = ROOT(-one);
  check(x != x);
  x = nan + one;
  check(x != x);

  /* Signs of zero. */
  x = one - one;
  y = one / x;
  check(y == infinity);
  x = -zero;
  y = one / x;
  check(y == -infinity);
  x = -zero + zero;
  y = one / x;
  check(y == infinity);
  x = zero * -one;
  y = one / x;
  check(y == -infinity);
  check(zero == -zero);

  /* To integers and back, cutting off. */
  for (int i = -1000; i <= 1000; i += 7) {
    x = (REAL)i + (i < 0 ? -half : half);
    check((int)x == i);
    x = (REAL)(long long)i * radix_power;
    x = x / radix_power;
    check((long long)x == i);
  }

  /* Series that cancel: sums of differences are exact when neighbours are near (P. H. Sterbenz). */
  for (x = one, count = 0; count < 500; count++) {
    y = x * (one + half * half) + (REAL)count * ulp;
    z = y - x;
    z = x + z;
    check(z == y);
    x = x * above + ulp;
  }
}

#undef REAL
#undef NAME
#undef ROOT
#undef CHECKS
#undef DIGITS
#undef LEAST
#undef MOST
#undef EXPONENTS
#undef check
