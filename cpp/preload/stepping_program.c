// Goes through malloc, realloc and free by single steps and calls exit(3) in the handler after
// `argv[1]` instructions. Where it comes to their end first it prints how many there are, and ends
// with 4.
//
// argv[2]: "pause": the steps are of a function that neither allocates nor is called by what does.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long left, taken;

static void step(int signal) {
  (void)signal;
  ++taken;
  if (--left == 0) exit(3);
}

// The processor's trap flag.
static void begin(void) {
  __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq" ::: "cc", "memory");
}
static void end(void) {
  __asm__ volatile("pushfq\n andq $~0x100, (%%rsp)\n popfq" ::: "cc", "memory");
}

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  left = atol(argv[1]);
  alarm(60);
  void* volatile kept = malloc(123456);
  void* volatile old = malloc(100);
  struct sigaction action = {.sa_handler = step};
  if (sigaction(SIGTRAP, &action, NULL) != 0) return 1;
  const int pauses = argc > 2 && strcmp(argv[2], "pause") == 0;
  begin();
  if (pauses) {
    for (int i = 0; i < 3; ++i) usleep(1);
  } else {
    old = realloc(old, 3000);
    void* volatile block = malloc(5000);
    free(block);
    free(old);
  }
  end();
  printf("%ld\n", taken);
  return kept != NULL ? 4 : 1;
}
