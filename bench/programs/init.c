/* The job runner: the first process of a guest, or an ordinary process on the host. It reads jobs from its standard
   input, one a line, with tabs between the words:

     NAME REPETITIONS PROGRAM ARGUMENT...

   and runs the program so many times between the lines "mezz-bench: begin NAME" and "mezz-bench: end NAME CHECKSUM",
   or "mezz-bench: failed NAME REASON". The checksum is that of what the program prints, the same each time. With 0
   repetitions it runs once, and its work begins where it prints a first line, "begin", after its preparations. An empty
   line, or the end of input, turns the machine off. The time is taken by who reads these lines. */
#define _GNU_SOURCE
#include "suite.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { max_words = 32, line_max = 2048, said_max = 120 };

static void prepare_machine(void) {
  mount("proc", "/proc", "proc", 0, NULL);
  mount("dev", "/dev", "devtmpfs", 0, NULL);
  struct termios terminal;
  if (tcgetattr(0, &terminal) == 0) {
    cfmakeraw(&terminal);
    terminal.c_oflag |= OPOST | ONLCR;
    tcsetattr(0, TCSANOW, &terminal);
  }
}

/* A line has left the machine before work goes on. */
static void say(const char *kind, const char *name, const char *rest) {
  char line[line_max];
  int length = snprintf(line, sizeof line, "mezz-bench: %s %s%s%s\n", kind, name, *rest ? " " : "", rest);
  if (write(1, line, (size_t)length) != length) exit(1);
  tcdrain(1);
}

struct output {
  uint32_t sum;
  /* The beginning of it, for messages. */
  char said[said_max];
};

/* Starts a program with its output in a pipe, whose other end is returned. */
static int start(char **words, pid_t *child) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC)) fail("pipe");
  *child = fork();
  if (*child < 0) fail("fork");
  if (*child == 0) {
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) dup2(null, 0);
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    execvp(words[0], words);
    perror(words[0]);
    _exit(127);
  }
  close(ends[1]);
  return ends[0];
}

static void take(struct output *output, const char *bytes, size_t count) {
  size_t kept = strlen(output->said);
  output->sum = mix_bytes(output->sum, bytes, count);
  for (size_t i = 0; i < count && kept + 1 < said_max; i++) output->said[kept++] = bytes[i] == '\n' ? ' ' : bytes[i];
  output->said[kept] = 0;
}

/* Runs a program once; with a name, its first line is the beginning of that job. Returns its wait status. */
static int run(char **words, const char *name, struct output *output) {
  static const char first_line[] = "begin\n";
  const size_t skipped = sizeof first_line - 1;
  pid_t child;
  int from = start(words, &child);
  char bytes[4096];
  ssize_t count;
  *output = (struct output){.sum = 0x811c9dc5u};
  while ((count = read(from, bytes, sizeof bytes)) > 0) {
    int is_begin = name && (size_t)count >= skipped && memcmp(bytes, first_line, skipped) == 0;
    if (is_begin) {
      say("begin", name, "");
      name = NULL;
      take(output, bytes + skipped, (size_t)count - skipped);
    } else {
      take(output, bytes, (size_t)count);
    }
  }
  close(from);
  int status;
  while (waitpid(child, &status, 0) != child) continue;
  return status;
}

static void run_job(const char *name, long repetitions, char **words) {
  struct output first, output;
  char text[line_max];
  if (repetitions > 0) say("begin", name, "");
  for (long i = 0; i < (repetitions > 0 ? repetitions : 1); i++) {
    int status = run(words, repetitions > 0 ? NULL : name, i == 0 ? &first : &output);
    if (status != 0) {
      int is_signal = WIFSIGNALED(status);
      snprintf(text, sizeof text, "%s %d: %s", is_signal ? "signal" : "status",
               is_signal ? WTERMSIG(status) : WEXITSTATUS(status), i == 0 ? first.said : output.said);
      say("failed", name, text);
      return;
    }
    if (i > 0 && output.sum != first.sum) {
      say("failed", name, "its output differs from the first time");
      return;
    }
  }
  snprintf(text, sizeof text, "%08x", first.sum);
  say("end", name, text);
}

/* A line without its end; NULL at the end of input. */
static char *read_line(void) {
  static char line[line_max];
  size_t length = 0;
  char c;
  while (read(0, &c, 1) == 1) {
    if (c == '\n' || c == '\r') {
      line[length] = 0;
      return line;
    }
    if (length + 1 < sizeof line) line[length++] = c;
  }
  return NULL;
}

void fail(const char *what) {
  say("failed", what, "in the job runner");
  exit(1);
}

int main(void) {
  int is_first_process = getpid() == 1;
  if (is_first_process) prepare_machine();
  /* Programs find the same on every machine. */
  clearenv();
  setenv("PATH", "/usr/bin:/bin", 1);
  say("ready", "for jobs", "");
  for (char *line; (line = read_line()) && *line;) {
    char *words[max_words + 1] = {0};
    int count = 0;
    for (char *word = strtok(line, "\t"); word && count < max_words; word = strtok(NULL, "\t")) words[count++] = word;
    if (count >= 3) run_job(words[0], atol(words[1]), words + 2);
    else say("failed", words[0], "a job has three words at least");
  }
  if (is_first_process) reboot(RB_POWER_OFF);
  return 0;
}
