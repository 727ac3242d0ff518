/* What the kernel does for programs. */
#define _GNU_SOURCE
#include "suite.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <stdio.h>

enum { pages = 64, page_bytes = 4096, system_calls = 1000, clock_calls = 1000, round_trips = 20 };

uint32_t page_fault_unit(void) {
  unsigned char *at = mmap(NULL, pages * page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail("mmap");
  uint32_t sum = 0;
  for (int i = 0; i < pages; i++) {
    at[i * page_bytes] = (unsigned char)i;
    sum = mix(sum, at[i * page_bytes] + at[i * page_bytes + 1]);
  }
  munmap(at, pages * page_bytes);
  return sum;
}

uint32_t getpid_unit(void) {
  long first = syscall(SYS_getpid), different = 0;
  for (int i = 1; i < system_calls; i++) different += syscall(SYS_getpid) != first;
  return (uint32_t)different;
}

uint32_t clock_unit(void) {
  struct timespec before, now;
  uint32_t backwards = 0;
  clock_gettime(CLOCK_MONOTONIC, &before);
  for (int i = 1; i < clock_calls; i++) {
    clock_gettime(CLOCK_MONOTONIC, &now);
    backwards += now.tv_sec < before.tv_sec || (now.tv_sec == before.tv_sec && now.tv_nsec < before.tv_nsec);
    before = now;
  }
  return backwards;
}

static int to_child[2], from_child[2];

/* A process that sends each byte back, one more than it was; it ends when its pipe is closed by our end. Both stay on
   one processor, which is all that a guest has. */
static void start_echo(void) {
  cpu_set_t here;
  CPU_ZERO(&here);
  CPU_SET(sched_getcpu(), &here);
  sched_setaffinity(0, sizeof here, &here);
  if (pipe(to_child) || pipe(from_child)) fail("pipe");
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child > 0) return;
  close(to_child[1]);
  unsigned char byte;
  while (read(to_child[0], &byte, 1) == 1) {
    byte++;
    if (write(from_child[1], &byte, 1) != 1) break;
  }
  _exit(0);
}

uint32_t pipe_unit(void) {
  if (!to_child[1]) start_echo();
  unsigned char byte = 0;
  for (int i = 0; i < round_trips; i++) {
    if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1) fail("pipe");
  }
  return byte;
}

/* The program beside this one that does nothing. */
static const char *empty_program(void) {
  static char path[4096];
  if (path[0]) return path;
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 8);
  if (length < 0) fail("readlink");
  while (length > 0 && path[length - 1] != '/') length--;
  snprintf(path + length, 8, "empty");
  return path;
}

uint32_t fork_exec_unit(void) {
  const char *path = empty_program();
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    execl(path, "empty", (char *)NULL);
    _exit(127);
  }
  int status;
  if (waitpid(child, &status, 0) != child) fail("waitpid");
  return (uint32_t)status;
}
