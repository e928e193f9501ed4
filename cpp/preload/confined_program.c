// Confines itself to the system calls of the C library's malloc and those that end a process, and
// continues to allocate: on the first thread and on two that have not allocated before.
//
// argv[1]: "kill" or "errno", what happens at every other call; "all": every call is allowed.
// argv[2]: "breach", if given, makes a call that is not allowed.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 2
static sem_t started, begin, done, never;

static void allocate(void) {
  void* blocks[200];
  for (size_t i = 0; i < 200; ++i) blocks[i] = malloc(i * i * i);
  for (size_t i = 0; i < 200; ++i) {
    void* const moved = realloc(blocks[i], (i + 1) * 997);
    if (moved == NULL) abort();
    blocks[i] = moved;
  }
  for (size_t i = 0; i < 200; ++i) free(blocks[i]);
  free(calloc(1000, 1000));
  free(memalign(4096, 100000));
}

static void* work(void* argument) {
  sem_post(&started);  // the calls of its start are made
  sem_wait(&begin);
  allocate();
  sem_post(&done);
  sem_wait(&never);  // until the process ends: the end of a thread makes more calls
  return argument;
}

#define ALLOW(name)                                      \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static int confine(uint32_t others) {
  struct sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      ALLOW(brk),
      ALLOW(mmap),
      ALLOW(munmap),
      ALLOW(mremap),
      ALLOW(madvise),
      ALLOW(mprotect),
      ALLOW(futex),
      ALLOW(write),
      ALLOW(exit),
      ALLOW(exit_group),
      BPF_STMT(BPF_RET | BPF_K, others),
  };
  const struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0;
}

int main(int argc, char** argv) {
  const char* const what = argc > 1 ? argv[1] : "";
  const uint32_t others = strcmp(what, "kill") == 0    ? SECCOMP_RET_KILL_PROCESS
                          : strcmp(what, "errno") == 0 ? SECCOMP_RET_ERRNO | EPERM
                                                       : SECCOMP_RET_ALLOW;
  sem_init(&started, 0, 0);
  sem_init(&begin, 0, 0);
  sem_init(&done, 0, 0);
  sem_init(&never, 0, 0);
  for (int i = 0; i < THREADS; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) != 0) return 1;
  }
  for (int i = 0; i < THREADS; ++i) sem_wait(&started);
  if (!confine(others)) return 1;
  allocate();
  for (int i = 0; i < THREADS; ++i) sem_post(&begin);
  for (int i = 0; i < THREADS; ++i) sem_wait(&done);
  if (argc > 2) getppid();
  return write(STDOUT_FILENO, "ok\n", 3) == 3 ? 3 : 1;
}
