// Runs through malloc, realloc and free by single steps, and ends with 3 in the handler after
// `argv[1]` instructions. If it finishes before that, it prints the number of instructions and ends
// with 4. A second thread makes malloc take its locks.
//
// argv[2], if any:
//   "exit": the handler calls exit; the default
//   "deep": it does so at a depth of 1000 calls
//   "jump": it leaves malloc by siglongjmp, and main calls exit
//   "return": as "jump", but main returns
//   "allocate": as "exit", and an exit function allocates and frees
//   "pause": as "exit", but the steps are in a function that neither allocates nor is called by
//            allocators
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long left, taken;
static const char* how = "exit";
static sigjmp_buf out;
static void* volatile kept;

static int is(const char* name) { return strcmp(how, name) == 0; }

static void (*volatile end_program)(int) = exit;

__attribute__((noinline)) static int leave(int calls) {
  if (calls == 0) end_program(3);
  return calls == 0 ? 0 : leave(calls - 1) + (getpid() == 0);
}

static void step(int signal) {
  (void)signal;
  ++taken;
  if (--left != 0) return;
  if (is("jump") || is("return")) siglongjmp(out, 1);
  leave(is("deep") ? 1000 : 0);
}

// The blocks it gets are separate and keep what is written there.
static void allocate_and_free(void) {
  free(kept);
  char* blocks[200];
  for (int i = 0; i < 200; ++i) {
    blocks[i] = calloc(1, 100 + i * 10);
    if (blocks[i] == NULL || blocks[i][99] != 0) _exit(5);
    memset(blocks[i], i + 1, 100);
    blocks[i] = realloc(blocks[i], 200 + i * 10);
    if (blocks[i] == NULL) _exit(6);
  }
  for (int i = 0; i < 200; ++i) {
    for (int at = 0; at < 100; ++at) {
      if (blocks[i][at] != (char)(i + 1)) _exit(7);
    }
    free(blocks[i]);
  }
}

static void* wait_for_ever(void* argument) {
  (void)argument;
  for (;;) pause();
  return NULL;
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
  if (argc > 2) how = argv[2];
  alarm(20);
  pthread_t thread;
  if (pthread_create(&thread, NULL, wait_for_ever, NULL) != 0) return 1;
  if (is("allocate") && atexit(allocate_and_free) != 0) return 1;
  kept = malloc(123456);
  void* volatile old = malloc(100);
  struct sigaction action = {.sa_handler = step};
  if (sigaction(SIGTRAP, &action, NULL) != 0) return 1;
  if (sigsetjmp(out, 1) != 0) {
    if (is("return")) return 3;
    exit(3);
  }
  begin();
  if (is("pause")) {
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
