/* The floating-point programs alone, to be compiled for the x87. */
#include "suite.h"

const struct program suite[] = {
  {"matrix", matrix_unit},
  {"nbody", nbody_unit},
  {"mandelbrot", mandelbrot_unit},
  {0, 0},
};
