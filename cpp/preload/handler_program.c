// Allocates in a signal handler with an alternate stack of `argv[1]` bytes above an inaccessible
// page, and prints how much of it was used. The signal comes at a depth of `argv[2]` calls, so that
// stack traces have their full length.
#define _GNU_SOURCE
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void* kept[64];

static void handle(int signal) {
  (void)signal;
  for (size_t i = 0; i < 64; ++i) {
    void* block = i % 3 == 0 ? calloc(i, 1000) : malloc(i * 1000);
    kept[i] = realloc(block, i * 997 + 1);
  }
  for (size_t i = 0; i < 64; i += 2) free(kept[i]);
}

__attribute__((noinline)) static int deeper(long calls) {
  if (calls == 0) return raise(SIGUSR1);
  return deeper(calls - 1) + (getpid() == 0);
}

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  const size_t bytes = strtoul(argv[1], NULL, 10);
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t mapped = page + (bytes + page - 1) / page * page;
  char* const start =
      mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED || mprotect(start, page, PROT_NONE) != 0) return 1;
  char* const stack = start + page;
  memset(stack, 0x5a, bytes);
  const stack_t alternate = {.ss_sp = stack, .ss_size = bytes};
  struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
  if (sigaltstack(&alternate, NULL) != 0) return 77;  // the kernel requires more
  if (sigaction(SIGUSR1, &action, NULL) != 0 || deeper(atol(argv[2])) != 0) return 1;
  size_t untouched = 0;
  while (untouched < bytes && stack[untouched] == 0x5a) ++untouched;
  printf("%zu\n", bytes - untouched);
  return 3;
}
