/*
 * Runs witness cases on the host processor in user mode. See protocol.ts for what goes in and out, and places.ts for
 * the addresses. Compiled by native-host.ts at test time.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <asm/prctl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 0x1000
#define CODE 0x10000000
#define CODE_BYTES (2 * PAGE)
#define DATA 0x20000000
#define READ_ONLY_DATA 0x20002000
#define HIGH_DATA 0x222220000000
#define STACK 0x30000000
#define CONTROL 0x0f000000
#define STUB 0x0f001000
#define ARENA_BYTES (4 * PAGE)
#define IMAGES 64

/* An XSAVE area with the upper halves of YMM registers; without AVX its first part is that of FXSAVE. */
struct vectors {
  uint8_t fx[512];
  uint64_t components;
  uint8_t header[56];
  uint8_t high[256];
};
#define VECTOR_BYTES (512 + 256)
#define ALL_COMPONENTS 7

/* The control page: what the stubs load and store. The assembly below has these offsets as numbers. */
struct control {
  uint64_t in[16];       /* 0x000 */
  uint64_t out[16];      /* 0x080 */
  uint64_t in_flags;     /* 0x100 */
  uint64_t out_flags;    /* 0x108 */
  uint64_t saved_rsp;    /* 0x110 */
  uint32_t far_offset;   /* 0x118 */
  uint32_t far_selector; /* 0x11c */
  uint64_t host_fs;      /* 0x120 */
  uint64_t test_fs;      /* 0x128 */
  uint64_t test_gs;      /* 0x130 */
  uint32_t has_vector;   /* 0x138 */
  uint32_t ds, es, fs, gs; /* 0x13c, 0x140, 0x144, 0x148 */
  uint32_t has_fsgsbase;   /* 0x14c: else the kernel sets the bases */
  uint32_t has_avx;        /* 0x150 */
  uint8_t pad[0x200 - 0x154];
  struct vectors in_vectors;  /* 0x200 */
  uint8_t pad2[0x600 - 0x540];
  struct vectors out_vectors; /* 0x600 */
};
#define control ((struct control *)CONTROL)

/*
 * `stub_enter` is called from C. The two finish stubs lie at fixed places that the cases jump to; faults and runaways
 * come back through `stub_tail`. Everything is absolute or relative within its piece, so that pieces can be copied.
 */
__asm__(
    ".pushsection .rodata\n"
    "stub_enter:\n"
    "  push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "  mov %rsp, 0x0f000110\n"
    "  mov $0x2b, %eax; mov %eax, %ss\n"
    "  mov 0x0f00013c, %eax; mov %eax, %ds\n"
    "  mov 0x0f000140, %eax; mov %eax, %es\n"
    "  cmpl $0, 0x0f00014c\n"
    "  je 2f\n"
    "  mov 0x0f000144, %eax; mov %eax, %fs\n"
    "  mov 0x0f000148, %eax; mov %eax, %gs\n"
    "  mov 0x0f000128, %rcx; wrfsbase %rcx\n"
    "  mov 0x0f000130, %rcx; wrgsbase %rcx\n"
    "  jmp 3f\n"
    "2:\n"
    "  mov $158, %eax; mov $0x1002, %edi; mov 0x0f000128, %rsi; syscall\n" /* arch_prctl(ARCH_SET_FS) */
    "  mov $158, %eax; mov $0x1001, %edi; mov 0x0f000130, %rsi; syscall\n" /* arch_prctl(ARCH_SET_GS) */
    "3:\n"
    "  cmpl $0, 0x0f000138\n"
    "  je 1f\n"
    "  cmpl $0, 0x0f000150\n"
    "  je 4f\n"
    "  mov $7, %eax; xor %edx, %edx; xrstor64 0x0f000200\n"
    "  jmp 1f\n"
    "4:\n"
    "  fxrstor64 0x0f000200\n"
    "1:\n"
    "  pushq 0x0f000100; popfq\n"
    "  mov 0x0f000000, %rax; mov 0x0f000008, %rcx; mov 0x0f000010, %rdx; mov 0x0f000018, %rbx\n"
    "  mov 0x0f000020, %rsp; mov 0x0f000028, %rbp; mov 0x0f000030, %rsi; mov 0x0f000038, %rdi\n"
    "  mov 0x0f000040, %r8; mov 0x0f000048, %r9; mov 0x0f000050, %r10; mov 0x0f000058, %r11\n"
    "  mov 0x0f000060, %r12; mov 0x0f000068, %r13; mov 0x0f000070, %r14; mov 0x0f000078, %r15\n"
    "  ljmp *0x0f000118\n"
    "stub_enter_end:\n"
    "stub_finish64:\n"
    "  mov %rax, 0x0f000080; mov %rcx, 0x0f000088; mov %rdx, 0x0f000090; mov %rbx, 0x0f000098\n"
    "  mov %rsp, 0x0f0000a0; mov %rbp, 0x0f0000a8; mov %rsi, 0x0f0000b0; mov %rdi, 0x0f0000b8\n"
    "  mov %r8, 0x0f0000c0; mov %r9, 0x0f0000c8; mov %r10, 0x0f0000d0; mov %r11, 0x0f0000d8\n"
    "  mov %r12, 0x0f0000e0; mov %r13, 0x0f0000e8; mov %r14, 0x0f0000f0; mov %r15, 0x0f0000f8\n"
    "  mov 0x0f000110, %rsp\n"
    "  pushfq; popq 0x0f000108\n"
    "  pushq $2; popfq\n"
    "  cmpl $0, 0x0f000138\n"
    "  je 1f\n"
    "  cmpl $0, 0x0f000150\n"
    "  je 4f\n"
    "  mov $7, %eax; xor %edx, %edx; xsave64 0x0f000600\n"
    "  jmp 1f\n"
    "4:\n"
    "  fxsave64 0x0f000600\n"
    "1:\n"
    "  jmp stub_tail_copy\n"
    ".fill 16, 1, 0x90\n"
    "stub_tail:\n"
    "stub_tail_copy:\n"
    "  mov 0x0f000110, %rsp\n"
    "  cmpl $0, 0x0f00014c\n"
    "  je 2f\n"
    "  mov 0x0f000120, %rcx; wrfsbase %rcx\n"
    "  jmp 3f\n"
    "2:\n"
    "  mov $158, %eax; mov $0x1002, %edi; mov 0x0f000120, %rsi; syscall\n"
    "3:\n"
    "  pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "  ret\n"
    "stub_finish64_end:\n"
    ".code32\n"
    "stub_finish32:\n"
    "  ljmp $0x33, $0x0f001800\n"
    "stub_finish32_end:\n"
    ".code64\n"
    ".popsection\n");
extern const char stub_enter[], stub_enter_end[], stub_finish64[], stub_tail[], stub_finish64_end[], stub_finish32[],
    stub_finish32_end[];

enum { completed = 0, fault = 1, timeout = 2 };

/* One case as it arrives; code, patches and the vector state follow. */
struct __attribute__((packed)) request {
  uint32_t size;
  uint8_t mode; /* 64, 32, 16 */
  uint8_t segments; /* 1: DS and ES are the small data segment */
  uint8_t has_vector;
  uint8_t image;
  uint16_t code_offset, code_length;
  uint16_t patches, reserved;
  uint32_t flags;
  uint64_t gpr[16];
};

struct __attribute__((packed)) patch {
  uint16_t at, length;
};

/* What comes back; the vector state and {at, length, bytes} differences follow. */
struct __attribute__((packed)) response {
  uint32_t size;
  uint8_t kind, trap, has_vector, reserved;
  uint16_t differences, reserved2;
  uint32_t error, flags;
  uint64_t rip, cr2;
  uint64_t gpr[16];
};

static struct response result;
static volatile int in_test;
static volatile uint64_t serial;
static uint64_t ticked;
static uint8_t images[IMAGES][ARENA_BYTES];
static uint8_t expected[ARENA_BYTES];
static uint8_t *arena, *code;
static uintptr_t tail;

static void die(const char *what) {
  perror(what);
  exit(2);
}

/* Takes the processor's state out of a signal frame and goes on behind the case. Thread-local storage is off limits. */
static __attribute__((noreturn)) void leave(int kind, ucontext_t *context) {
  static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  const greg_t *registers = context->uc_mcontext.gregs;
  /* A case may have set the alignment-check flag. */
  __asm__ volatile("pushq $2; popfq" ::: "memory", "cc");
  in_test = 0;
  result.kind = kind;
  result.trap = registers[REG_TRAPNO];
  result.error = registers[REG_ERR];
  result.cr2 = registers[REG_CR2];
  result.rip = registers[REG_RIP];
  control->out_flags = registers[REG_EFL];
  for (int i = 0; i < 16; i++) control->out[i] = registers[order[i]];
  if (control->has_vector) {
    /* The kernel leaves an XSAVE area in the standard format there. */
    const struct vectors *vectors = (const void *)context->uc_mcontext.fpregs;
    __builtin_memcpy(control->out_vectors.fx, vectors->fx, 512);
    if (control->has_avx) {
      int is_used = (vectors->components & 4) != 0;
      for (int i = 0; i < 256; i++) control->out_vectors.high[i] = is_used ? vectors->high[i] : 0;
    }
  }
  __asm__ volatile("pushq $2; popfq; jmp *%0" ::"r"(tail) : "memory");
  __builtin_unreachable();
}

static void on_fault(int number, siginfo_t *info, void *context) {
  (void)info;
  if (!in_test) {
    signal(number, SIG_DFL);
    return;
  }
  leave(fault, context);
}

/* A case that lasts from one tick of the processor-time clock to the next does not end by itself. */
static void on_tick(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  if (!in_test) return;
  if (ticked != serial) {
    ticked = serial;
    return;
  }
  leave(timeout, context);
}

static void *map(uint64_t at, size_t length, int protection, int file, off_t offset) {
  int flags = MAP_POPULATE | (file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
  if (at) flags |= MAP_FIXED_NOREPLACE;
  void *got = mmap((void *)at, length, protection, flags, file, offset);
  if (got == MAP_FAILED || (at && got != (void *)at)) die("Cannot map witness memory");
  return got;
}

/* Must equal `arenaImage` in image.ts. */
static void make_image(uint32_t number, uint8_t *into) {
  static const uint64_t edges[16] = {0,      1,          2,          0x7f,       0x80,       0xff,
                                     0x7fff, 0x8000,     0xffff,     0x7fffffff, 0x80000000, 0xffffffff,
                                     ~0ull,  1ull << 63, ~0ull >> 1, 0x100};
  uint32_t state = number * 0x9e3779b9u + 0x1234567u;
  for (int at = 0; at < ARENA_BYTES; at += 8) {
    uint32_t words[3];
    for (int i = 0; i < 3; i++) {
      state ^= state << 13;
      state ^= state >> 17;
      state ^= state << 5;
      words[i] = state;
    }
    uint64_t value = words[0] | (uint64_t)words[1] << 32;
    if ((words[2] & 7) == 0) value = edges[words[2] >> 28];
    memcpy(into + at, &value, 8);
  }
}

static void add_segment(int entry, uint32_t base, uint32_t limit, int contents, int big, int read_only) {
  struct user_desc segment;
  memset(&segment, 0, sizeof segment);
  segment.entry_number = entry;
  segment.base_addr = base;
  segment.limit = limit;
  segment.contents = contents;
  segment.seg_32bit = big;
  segment.read_exec_only = read_only;
  segment.useable = 1;
  if (syscall(SYS_modify_ldt, 0x11, &segment, sizeof segment) != 0) die("Cannot make local segments");
}

static void set_up_memory(void) {
  int arena_file = memfd_create("arena", 0);
  int code_file = memfd_create("code", 0);
  if (arena_file < 0 || code_file < 0 || ftruncate(arena_file, ARENA_BYTES) || ftruncate(code_file, CODE_BYTES))
    die("Cannot make witness memory");
  arena = map(0, ARENA_BYTES, PROT_READ | PROT_WRITE, arena_file, 0);
  map(DATA, 2 * PAGE, PROT_READ | PROT_WRITE, arena_file, 0);
  map(READ_ONLY_DATA, PAGE, PROT_READ, arena_file, 3 * PAGE);
  map(HIGH_DATA, 2 * PAGE, PROT_READ | PROT_WRITE, arena_file, 0);
  map(STACK, 2 * PAGE, PROT_READ | PROT_WRITE, arena_file, 2 * PAGE);
  code = map(0, CODE_BYTES, PROT_READ | PROT_WRITE, code_file, 0);
  map(CODE, CODE_BYTES, PROT_READ | PROT_EXEC, code_file, 0);
  memset(code, 0xf4, CODE_BYTES);
  map(CONTROL, PAGE, PROT_READ | PROT_WRITE, -1, 0);
  uint8_t *stub = map(STUB, PAGE, PROT_READ | PROT_WRITE, -1, 0);
  memset(stub, 0xf4, PAGE);
  memcpy(stub, stub_enter, stub_enter_end - stub_enter);
  memcpy(stub + 0x800, stub_finish64, stub_finish64_end - stub_finish64);
  memcpy(stub + 0xc00, stub_finish32, stub_finish32_end - stub_finish32);
  tail = STUB + 0x800 + (stub_tail - stub_finish64);
  mprotect(stub, PAGE, PROT_READ | PROT_EXEC);
  add_segment(1, DATA + 0x800, 0x17ff, 0, 1, 0);
  add_segment(2, DATA, 0xfff, 0, 1, 1);
  add_segment(3, CODE, 0x1fff, 2, 0, 0);
}

static void set_up_signals(void) {
  stack_t stack = {.ss_size = 1 << 18};
  stack.ss_sp = malloc(stack.ss_size);
  if (!stack.ss_sp || sigaltstack(&stack, NULL)) die("Cannot set up signals");
  static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) sigaction(numbers[i], &action, NULL);
  action.sa_sigaction = on_tick;
  sigaction(SIGVTALRM, &action, NULL);
  struct itimerval interval = {{0, 20000}, {0, 20000}};
  setitimer(ITIMER_VIRTUAL, &interval, NULL);
}

static void select_mode(const struct request *request) {
  static const int codes[3] = {0x33, 0x23, 0x1f};
  int kind = request->mode == 64 ? 0 : request->mode == 32 ? 1 : 2;
  int is_small = kind != 0 && request->segments == 1;
  control->far_selector = codes[kind];
  control->far_offset = kind == 2 ? request->code_offset : CODE + request->code_offset;
  control->ds = control->es = is_small ? 0x0f : 0x2b;
  control->fs = kind == 0 ? 0 : 0x17;
  control->gs = kind == 0 ? 0 : 0x0f;
  control->test_fs = kind == 0 ? DATA + 0xc00 : DATA;
  control->test_gs = kind == 0 ? HIGH_DATA + 0x400 : DATA + 0x800;
}

static const uint8_t *prepare(const struct request *request) {
  const uint8_t *at = (const uint8_t *)(request + 1);
  select_mode(request);
  memcpy(control->in, request->gpr, sizeof control->in);
  control->in_flags = request->flags;
  control->has_vector = request->has_vector;
  if (request->has_vector) {
    memcpy(control->in_vectors.fx, at, 512);
    memcpy(control->in_vectors.high, at + 512, 256);
    memcpy(control->out_vectors.high, at + 512, 256);
    memset(control->in_vectors.header, 0, sizeof control->in_vectors.header);
    control->in_vectors.components = ALL_COMPONENTS;
    control->out_vectors.components = 0;
    at += VECTOR_BYTES;
  }
  memcpy(code + request->code_offset, at, request->code_length);
  at += request->code_length;
  memcpy(expected, images[request->image], ARENA_BYTES);
  for (int i = 0; i < request->patches; i++) {
    struct patch patch;
    memcpy(&patch, at, sizeof patch);
    at += sizeof patch;
    memcpy(expected + patch.at, at, patch.length);
    at += patch.length;
  }
  memcpy(arena, expected, ARENA_BYTES);
  return at;
}

/* Appends runs of bytes that the case changed. */
static uint8_t *put_differences(uint8_t *into, uint16_t *count) {
  for (int at = 0; at < ARENA_BYTES;) {
    uint64_t a, b;
    memcpy(&a, arena + at, 8);
    memcpy(&b, expected + at, 8);
    if (a == b) {
      at += 8;
      continue;
    }
    while (arena[at] == expected[at]) at++;
    int end = at;
    while (end < ARENA_BYTES && arena[end] != expected[end]) end++;
    struct patch patch = {at, end - at};
    memcpy(into, &patch, sizeof patch);
    memcpy(into + sizeof patch, arena + at, patch.length);
    into += sizeof patch + patch.length;
    ++*count;
    for (at = end; at & 7 && arena[at] == expected[at];) at++;
  }
  return into;
}

static uint8_t *run(const struct request *request, uint8_t *out) {
  prepare(request);
  memset(&result, 0, sizeof result);
  serial++;
  in_test = 1;
  __asm__ volatile("" ::: "memory");
  /* The flags register, x87 and vector state are taken back by the stubs. */
  uintptr_t stub = STUB;
  __asm__ volatile("sub $128, %%rsp; call *%0; add $128, %%rsp; cld" : "+a"(stub)::"rcx", "rdx", "rsi", "rdi", "r8",
                   "r9", "r10", "r11", "memory", "cc");
  in_test = 0;
  memset(code + request->code_offset, 0xf4, request->code_length);
  memcpy(result.gpr, control->out, sizeof result.gpr);
  result.flags = control->out_flags;
  result.has_vector = request->has_vector;
  uint8_t *at = out + sizeof result;
  if (request->has_vector) {
    memcpy(at, control->out_vectors.fx, 512);
    memcpy(at + 512, control->out_vectors.high, 256);
    at += VECTOR_BYTES;
  }
  uint16_t differences = 0;
  at = put_differences(at, &differences);
  result.differences = differences;
  result.size = at - out;
  memcpy(out, &result, sizeof result);
  return at;
}

static void read_all(void *into, size_t length) {
  if (fread(into, 1, length, stdin) != length) exit(0);
}

static sigjmp_buf refused;

static void on_refusal(int number) {
  siglongjmp(refused, number);
}

static int has_selector(uint32_t selector) {
  uint8_t is_valid;
  uint32_t rights;
  __asm__ volatile("lar %2, %0; setz %1" : "=r"(rights), "=q"(is_valid) : "r"(selector) : "cc");
  return is_valid;
}

/* Says in a line what this host lets programs do. */
static void probe(void) {
  struct sigaction action = {.sa_handler = on_refusal, .sa_flags = SA_NODEFER};
  sigaction(SIGILL, &action, NULL);
  if (sigsetjmp(refused, 1) == 0) {
    uint64_t base;
    __asm__ volatile("rdfsbase %0" : "=r"(base));
    printf("bases ");
  }
  uint32_t zeros;
  __asm__ volatile("lzcnt %1, %0" : "=r"(zeros) : "r"(1) : "cc");
  if (zeros == 31) printf("lzcnt ");
  if (__builtin_cpu_supports("avx")) printf("avx ");
  set_up_memory();
  if (has_selector(0x0f)) printf("local-segments ");
  if (has_selector(0x23)) printf("code32 ");
  printf("\n");
}

int main(int count, char **arguments) {
  (void)arguments;
  if (count > 1) {
    probe();
    return 0;
  }
  set_up_memory();
  control->has_avx = __builtin_cpu_supports("avx") != 0;
  control->has_fsgsbase = (getauxval(AT_HWCAP2) & 2) != 0;
  set_up_signals();
  syscall(SYS_arch_prctl, ARCH_GET_FS, &control->host_fs);
  for (int i = 0; i < IMAGES; i++) make_image(i, images[i]);
  for (;;) {
    uint32_t head[2]; /* cases, bytes */
    read_all(head, sizeof head);
    uint8_t *in = malloc(head[1]);
    /* At worst every other byte of the arena differs. */
    size_t room = sizeof(struct response) + VECTOR_BYTES + ARENA_BYTES * 3;
    uint8_t *out = malloc(64 + (size_t)head[0] * room);
    if (!in || !out) die("Cannot get memory for a batch");
    read_all(in, head[1]);
    uint8_t *at = out + 8;
    const uint8_t *next = in;
    for (uint32_t i = 0; i < head[0]; i++) {
      const struct request *request = (const struct request *)next;
      at = run(request, at);
      next += request->size;
    }
    uint32_t answer[2] = {head[0], at - out - 8};
    memcpy(out, answer, 8);
    fwrite(out, 1, at - out, stdout);
    fflush(stdout);
    free(in);
    free(out);
  }
}
