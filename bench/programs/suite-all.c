#include "suite.h"

const struct program suite[] = {
  {"core", core_unit},
  {"sha256", sha256_unit},
  {"multiply", multiply_unit},
  {"divide", divide_unit},
  {"fib", fib_unit},
  {"indirect", indirect_unit},
  {"matrix", matrix_unit},
  {"nbody", nbody_unit},
  {"mandelbrot", mandelbrot_unit},
  {"latency", latency_unit},
  {"memcpy", memcpy_unit},
  {"memset", memset_unit},
  {"page-fault", page_fault_unit},
  {"getpid", getpid_unit},
  {"clock", clock_unit},
  {"pipe", pipe_unit},
  {"fork-exec", fork_exec_unit},
  {"rewrite", rewrite_unit},
  {0, 0},
};
