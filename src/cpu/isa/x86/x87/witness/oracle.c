/*
 * Runs single x87 instructions on the host CPU. Reads 128-byte cases from standard input and writes a 128-byte
 * outcome for each:
 *
 *   case:    0 FNSAVE image (108)  108 opcode  109 ModRM  110 EFLAGS (u16)             112 memory operand (16)
 *   outcome: 0 FNSAVE image (108)  108 signal  109 0      110 EFLAGS (u16)             112 memory operand (16)
 *
 * A memory form is written with any ModRM below 0xc0; only its reg field counts. AX starts as 0x5555 and replaces
 * the first two bytes of the memory operand where FNSTSW AX changed it. The instruction pointer of the outcome is
 * 0xf1f1f1f1 where the instruction wrote its own address, the data pointer 0xd1d1d1d1 likewise.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#define STUB 32
static uint8_t *code;
static uint8_t *memory;
static volatile uint64_t resume;
static volatile int caught;

static void onSignal(int number, siginfo_t *info, void *context) {
  (void)info;
  caught = number;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] = resume;
}

static uint8_t *stubFor(int opcode, int modrm) {
  uint8_t *stub = code + ((opcode & 7) * 256 + modrm) * STUB;
  if (stub[0]) return stub;
  const uint8_t body[] = {0xdd, 0x26,             /* frstor [rsi] */
                          0x51, 0x9d,             /* push rcx; popfq */
                          opcode, modrm >= 0xc0 ? modrm : (modrm & 0x38) | 7, /* the instruction, on [rdi] */
                          0x9c,                   /* pushfq */
                          0x49, 0x89, 0x00,       /* mov [r8], rax */
                          0x58,                   /* pop rax */
                          0xdd, 0x32,             /* fnsave [rdx] */
                          0xc3};
  memcpy(stub, body, sizeof body);
  return stub;
}

int main(void) {
  code = mmap(0, 8 * 256 * STUB, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  memory = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = onSignal;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGFPE, &action, 0);
  sigaction(SIGILL, &action, 0);
  static uint8_t in[128], out[128];
  while (fread(in, 1, sizeof in, stdin) == sizeof in) {
    uint8_t *stub = stubFor(in[108], in[109]);
    uint16_t flags;
    uint32_t word;
    memcpy(&flags, in + 110, 2);
    memcpy(memory, in + 112, 16);
    memset(out, 0, sizeof out);
    caught = 0;
    resume = (uint64_t)(stub + 6);
    uint64_t after = 0, before = 0x5555, ignored;
    uint64_t input = (uint64_t)in, destination = (uint64_t)memory, output = (uint64_t)out, target = (uint64_t)stub;
    register uint64_t *r8 __asm__("r8") = &after;
    uint64_t eflags = 0x202 | flags;
    __asm__ volatile("call *%[target]"
                     : "=a"(ignored), "+c"(eflags)
                     : "0"(before), "D"(destination), "S"(input), "d"(output), [target] "b"(target), "r"(r8)
                     : "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
    flags = (uint16_t)ignored & 0x8d5;
    out[108] = caught;
    memcpy(out + 110, &flags, 2);
    memcpy(&word, out + 12, 4);
    if (word == (uint32_t)(uint64_t)(stub + 4)) memset(out + 12, 0xf1, 4);
    memcpy(&word, out + 20, 4);
    if (word == (uint32_t)(uint64_t)memory) memset(out + 20, 0xd1, 4);
    if ((uint16_t)after != 0x5555) memcpy(memory, &after, 2);
    memcpy(out + 112, memory, 16);
    fwrite(out, 1, sizeof out, stdout);
  }
  return 0;
}
