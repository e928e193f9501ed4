// Calls exit(3) in situations that are hard for exit tasks. argv[1]:
//   "small": on a thread with the smallest possible stack
//   "handler": in a signal handler on an alternate stack of 16 KiB
//   "full": under a limit of file sizes that the file exceeds
//   "nobody": while nobody reads stderr, under the same limit
//   "pending": as "full", with the signal of that limit blocked
//   "cancelled": on a thread that is to be cancelled, and joined by the one that cancels it
//   "vfork": after a child of vfork has called exit
//   "vfork-return": the same, by returning from main
//   "quiet": where no descriptor can be opened, with a full pipe for stderr
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void* leave(void* argument) {
  (void)argument;
  exit(3);
}

static void handle(int signal) {
  (void)signal;
  exit(3);
}

static void* cancelled(void* argument) {
  (void)argument;
  pthread_cancel(pthread_self());
  exit(3);
}

// Fills stderr until nothing more fits.
static int fill_pipe(void) {
  static const char bytes[1 << 12];
  int ends[2];
  if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) return 0;
  fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
  while (write(STDERR_FILENO, bytes, sizeof(bytes)) > 0) {
  }
  return fcntl(STDERR_FILENO, F_SETFL, 0) == 0;
}

static void limit(void) {
  const struct rlimit bytes = {4096, 4096};
  if (setrlimit(RLIMIT_FSIZE, &bytes) != 0) _exit(1);
}

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  alarm(60);
  for (int i = 0; i < 1000; ++i) {
    void* volatile kept = malloc(77);
    if (kept == NULL) return 1;
  }
  if (strcmp(argv[1], "small") == 0) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN);
    if (pthread_create(&thread, &attributes, leave, NULL) != 0) return 1;
    for (;;) pause();
  }
  if (strcmp(argv[1], "cancelled") == 0) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, cancelled, NULL) != 0) return 1;
    pthread_join(thread, NULL);
    return 1;
  }
  if (strncmp(argv[1], "vfork", 5) == 0) {
    const pid_t child = vfork();
    if (child == 0) exit(3);
    int status = 0;
    if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3) return 1;
    if (strcmp(argv[1], "vfork-return") == 0) return 3;
    exit(3);
  }
  if (strcmp(argv[1], "quiet") == 0) {
    const struct rlimit none = {0, 0};
    if (!fill_pipe() || setrlimit(RLIMIT_NOFILE, &none) != 0) return 1;
    exit(3);
  }
  if (strcmp(argv[1], "handler") == 0) {
    static char stack[16 << 10];
    const stack_t alternate = {.ss_sp = stack, .ss_size = sizeof(stack)};
    const struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    if (sigaltstack(&alternate, NULL) != 0 || sigaction(SIGUSR1, &action, NULL) != 0) return 1;
    return raise(SIGUSR1);
  }
  if (strcmp(argv[1], "pending") == 0) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGXFSZ);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
  }
  if (strcmp(argv[1], "nobody") == 0) {
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) return 1;
    close(ends[0]);
    close(ends[1]);
  }
  limit();
  exit(3);
}
