// Gives up system calls that it does not need itself, and ends with 3. argv[1] says which:
//   "arguments": to write anything but its standard streams, by a filter that checks the argument
//   "inherited": to open files; a thread that is started under that filter then ends the process
//   "other": the same in another thread alone, which rests; the first one ends the process
//   "fork": to start threads, and then makes a child; "fork-files": to open files, then the same
//   "strict": a second thread gives up all but read and write, and goes on allocating
//   "clock": the processor's clock, twice, and goes on allocating; so does a thread that
//     inherits it
//   "refused": to open files, by a filter that the kernel refuses, and the strict mode, which it
//     refuses under a filter
//   "memory": to map memory; such calls then fail
//   "signal": to start threads, and then makes a child, which gets SIGUSR2
//   "heap": to grow the heap; that then fails, and the heap does not grow
//   "waiting": to wait for other threads, on all threads, which then allocate at once
//   "nothing": passes things that are not filters; the errors are printed
// It prints the child's exit code, or 128 plus the signal that ended it.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static sem_t done, never;

#define THREADS 3
static atomic_int ready, begun, finished;

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

static void* allocate_at_once(void* argument) {
  allocate(1);
  ++ready;
  while (!begun) {
  }
  allocate(50000);
  ++finished;
  while (1) pause();
  return argument;
}

static int allocate_without_waiting(void) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const struct sock_fprog filter = {sizeof(steps) / sizeof(*steps), steps};
  pthread_t thread;
  for (int i = 0; i < THREADS; ++i) {
    if (pthread_create(&thread, NULL, allocate_at_once, NULL) != 0) return 0;
  }
  while (ready != THREADS) {
  }
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) != 0)
    return 0;
  begun = 1;
  while (finished != THREADS) {
  }
  return 1;
}

static void give_up_heap(void) {
  struct sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_brk, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  set(steps, sizeof(steps));
}

// No filter, no steps, and steps at whose end nothing is mapped.
static int give_up_nothing(void) {
  const long page = sysconf(_SC_PAGESIZE);
  char* const pages =
      mmap(NULL, 2 * (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED || munmap(pages + page, (size_t)page) != 0) return 0;
  struct sock_filter* const last = (struct sock_filter*)(pages + page) - 1;
  const struct sock_fprog without = {1, (struct sock_filter*)8};
  const struct sock_fprog cut = {2, last};
  const void* const filters[] = {(void*)8, pages + page - 8, &without, &cut, (void*)-16, NULL};
  char text[256] = "";
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
  for (size_t i = 0; i < sizeof(filters) / sizeof(*filters); ++i) {
    errno = 0;
    const long by_number = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filters[i]);
    const int first = errno;
    errno = 0;
    const long by_name = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filters[i], 0, 0);
    const size_t length = strlen(text);
    snprintf(text + length, sizeof(text) - length, "%ld %d %ld %d\n", by_number, first, by_name,
             errno);
  }
  return write(STDOUT_FILENO, text, strlen(text)) == (ssize_t)strlen(text);
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
  allocate(1);  // the first block's calls of the kernel are made
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
  } else if (strcmp(what, "heap") == 0) {
    give_up_heap();
    allocate(10);
  } else if (strcmp(what, "waiting") == 0) {
    if (!allocate_without_waiting()) return 1;
  } else if (strcmp(what, "nothing") == 0) {
    if (!give_up_nothing()) return 1;
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
