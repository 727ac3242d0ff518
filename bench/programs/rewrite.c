/* Writes a function into memory and calls it, a hundred different ones over each other, as a compiler at run time does. */
#include "suite.h"
#include <string.h>
#include <sys/mman.h>

enum { functions = 100, page_bytes = 4096 };

uint32_t rewrite_unit(void) {
  static unsigned char *page;
  if (!page) {
    page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) fail("mmap");
  }
  uint32_t sum = 0;
  for (uint32_t i = 0; i < functions; i++) {
    /* mov eax, i * 0x01010101; ret */
    unsigned char code[] = {0xb8, (unsigned char)i, (unsigned char)i, (unsigned char)i, (unsigned char)i, 0xc3};
    memcpy(page, code, sizeof code);
    __asm__ volatile("" ::: "memory");
    sum = mix(sum, ((uint32_t(*)(void))page)());
  }
  return sum;
}
