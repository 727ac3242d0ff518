/* Floating point in double precision: matrix product, planets, Mandelbrot's set. */
#include "suite.h"
#include <math.h>

enum { order = 48, bodies = 5, steps = 400, width = 48, limit = 64 };

uint32_t matrix_unit(void) {
  static double a[order][order], b[order][order], product[order][order];
  for (int i = 0; i < order; i++) {
    for (int j = 0; j < order; j++) {
      a[i][j] = 1.0 / (i + j + 1);
      b[i][j] = (i - j) * 0.125;
      product[i][j] = 0;
    }
  }
  for (int i = 0; i < order; i++) {
    for (int k = 0; k < order; k++) {
      double factor = a[i][k];
      for (int j = 0; j < order; j++) product[i][j] += factor * b[k][j];
    }
  }
  return mix_bytes(1, product[order / 2], sizeof product[0]);
}

struct body {
  double x, y, z, vx, vy, vz, mass;
};

static void advance(struct body *body, double dt) {
  for (int i = 0; i < bodies; i++) {
    for (int j = i + 1; j < bodies; j++) {
      double dx = body[i].x - body[j].x, dy = body[i].y - body[j].y, dz = body[i].z - body[j].z;
      double square = dx * dx + dy * dy + dz * dz;
      double pull = dt / (square * sqrt(square));
      double from_j = body[j].mass * pull, from_i = body[i].mass * pull;
      body[i].vx -= dx * from_j, body[i].vy -= dy * from_j, body[i].vz -= dz * from_j;
      body[j].vx += dx * from_i, body[j].vy += dy * from_i, body[j].vz += dz * from_i;
    }
  }
  for (int i = 0; i < bodies; i++) {
    body[i].x += dt * body[i].vx, body[i].y += dt * body[i].vy, body[i].z += dt * body[i].vz;
  }
}

uint32_t nbody_unit(void) {
  struct body body[bodies] = {
    {0, 0, 0, 0, 0, 0, 40},
    {5, -1, 0.1, 0.6, 2.8, -0.02, 0.04},
    {8, 4, -0.4, -1.0, 1.8, 0.01, 0.01},
    {13, -15, -0.2, 1.1, 0.9, -0.01, 0.002},
    {15, -26, 0.2, 1.0, 0.6, -0.03, 0.002},
  };
  for (int i = 0; i < steps; i++) advance(body, 0.01);
  return mix_bytes(1, body, sizeof body);
}

uint32_t mandelbrot_unit(void) {
  uint32_t sum = 0;
  for (int row = 0; row < width; row++) {
    for (int column = 0; column < width; column++) {
      double cx = column * (3.0 / width) - 2.0, cy = row * (2.5 / width) - 1.25;
      double x = 0, y = 0, xx = 0, yy = 0;
      uint32_t count = 0;
      for (; count < limit && xx + yy <= 4; count++) {
        y = 2 * x * y + cy;
        x = xx - yy + cx;
        xx = x * x;
        yy = y * y;
      }
      sum = mix(sum, count);
    }
  }
  return sum;
}
