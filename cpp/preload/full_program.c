// Takes all memory that a limit leaves it, gives `argv[2]` bytes back, and then requests a heap
// file by a signal to itself ("signal") or just ends ("end"), with exit code 3.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  const size_t spare = strtoul(argv[2], NULL, 10);
  void* const reserve = spare != 0 ? malloc(spare) : NULL;
  const struct rlimit limit = {(rlim_t)400 << 20, (rlim_t)400 << 20};
  if (setrlimit(RLIMIT_AS, &limit) != 0) return 1;
  void** last = NULL;
  for (size_t size = (size_t)64 << 20; size >= 24; size /= 2) {
    void** block;
    while ((block = malloc(size)) != NULL) {
      *block = last;
      last = block;
    }
  }
  free(reserve);
  if (strcmp(argv[1], "signal") != 0) return 3;
  // stderr becomes a pipe to here, until the answer has come.
  int ends[2];
  const int err = dup(STDERR_FILENO);
  char line[4096];
  if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0) return 1;
  kill(getpid(), SIGUSR2);
  const ssize_t length = read(ends[0], line, sizeof(line));
  if (length <= 0 || write(err, line, (size_t)length) != length) return 1;
  return 3;
}
