// Gives up what it does not need itself, and ends with 3. argv[1] says what:
//   "arguments": to write anything but its standard streams, by a filter that looks at the argument
//   "inherited": to open files; a thread that is started under that filter then ends the process
//   "other": the same in another thread alone, which rests; the first one ends the process
//   "fork": to start threads, and then to make a child; "fork-files": to open files, the same
//   "strict": a second thread gives up all but to read and write, and goes on allocating
//   "clock": the processor's clock, twice, and goes on allocating; a thread that inherits this does
//     too
//   "refused": to open files, by a filter that the kernel refuses, and the strict mode, which it
//     refuses under a filter
//   "memory": to map memory; what asks for it is denied it
//   "signal": to start threads, and then to make a child, which is sent SIGUSR2
// The child's exit code, or 128 more than the signal that ended it, is printed.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static sem_t done, never;

static void set(struct sock_filter* steps, size_t size) {
  const struct sock_fprog filter = {(unsigned short)(size / sizeof(*steps)), steps};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) _exit(1);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) != 0) _exit(1);
}

#define ANSWER(number, verdict)                                                                \
  {                                                                                            \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),                     \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), BPF_STMT(BPF_RET | BPF_K, verdict), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)                                           \
  }

static void answer(unsigned number, unsigned verdict) {
  struct sock_filter steps[] = ANSWER(number, verdict);
  set(steps, sizeof(steps));
}

static void give_up(unsigned number) { answer(number, SECCOMP_RET_KILL_PROCESS); }

static void be_refused(void) {
  struct sock_filter steps[] = ANSWER(SYS_openat, SECCOMP_RET_KILL_PROCESS);
  const struct sock_fprog filter = {sizeof(steps) / sizeof(*steps), steps};
  const unsigned no_such_flag = 1U << 30;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, no_such_flag, &filter) == 0) _exit(1);
  answer(SYS_getppid, SECCOMP_RET_ALLOW);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) == 0) _exit(1);
}

static void give_up_other_streams(void) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, STDERR_FILENO, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  set(steps, sizeof(steps));
}

static void allocate(int times) {
  for (int i = 0; i < times; ++i) {
    void* volatile block = malloc(100);
    if (block == NULL) _exit(1);
    free(block);
  }
}

static void* leave(void* argument) {
  allocate(10);
  if (argument != NULL) return NULL;
  exit(3);
}

static void* confine_and_rest(void* argument) {
  give_up(SYS_openat);
  sem_post(&done);
  sem_wait(&never);
  return argument;
}

static void* be_strict(void* argument) {
  allocate(1);  // what its first block takes of the kernel it has taken
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(1);
  allocate(100);
  syscall(SYS_exit, 0);
  return argument;
}

static int start(void* run(void*), void* argument, pthread_t* thread) {
  return pthread_create(thread, NULL, run, argument) == 0;
}

static int ends_of_child(int signal) {
  const pid_t child = fork();
  if (child == 0) {
    if (signal != 0) raise(signal);
    exit(5);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child) return 0;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  char line[8];
  const int length = snprintf(line, sizeof(line), "%d\n", code);
  return write(STDOUT_FILENO, line, (size_t)length) == length;
}

int main(int argc, char** argv) {
  const char* const what = argc > 1 ? argv[1] : "";
  pthread_t thread;
  alarm(60);
  sem_init(&done, 0, 0);
  sem_init(&never, 0, 0);
  allocate(10);
  if (strcmp(what, "arguments") == 0) {
    give_up_other_streams();
  } else if (strcmp(what, "inherited") == 0) {
    give_up(SYS_openat);
    if (!start(leave, NULL, &thread)) return 1;
    sem_wait(&never);
  } else if (strcmp(what, "other") == 0) {
    if (!start(confine_and_rest, NULL, &thread)) return 1;
    sem_wait(&done);
  } else if (strcmp(what, "fork") == 0 || strcmp(what, "fork-files") == 0) {
    give_up(strcmp(what, "fork") == 0 ? SYS_clone3 : SYS_openat);
    if (!ends_of_child(0)) return 1;
  } else if (strcmp(what, "signal") == 0) {
    give_up(SYS_clone3);
    if (!ends_of_child(SIGUSR2)) return 1;
  } else if (strcmp(what, "refused") == 0) {
    be_refused();
  } else if (strcmp(what, "memory") == 0) {
    answer(SYS_mmap, SECCOMP_RET_ERRNO | EPERM);
  } else if (strcmp(what, "strict") == 0) {
    if (!start(be_strict, NULL, &thread) || pthread_join(thread, NULL) != 0) return 1;
  } else if (strcmp(what, "clock") == 0) {
    for (int i = 0; i < 2; ++i) {
      if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0) return 1;
    }
    if (!start(leave, &thread, &thread) || pthread_join(thread, NULL) != 0) return 1;
    allocate(10);
  } else {
    return 1;
  }
  return 3;
}
