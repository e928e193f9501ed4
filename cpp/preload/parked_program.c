/* Lets its threads end before a fork, as libraries for linear algebra do, and makes them again when
   they are needed. They allocate up to their end. For tests of what takes malloc's place. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
static pthread_t workers[WORKERS];
static sem_t stop[WORKERS];
static int running;

static void* work(void* argument) {
  const long n = (long)argument;
  void* volatile scratch = malloc(1000 + (size_t)n);
  sem_wait(&stop[n]);
  free(scratch);
  scratch = malloc(77);
  free(scratch);
  return NULL;
}

static void start(void) {
  for (long n = 0; n < WORKERS; ++n) {
    sem_init(&stop[n], 0, 0);
    pthread_create(&workers[n], NULL, work, (void*)n);
  }
  running = 1;
}

static void let_end(void) {
  for (int n = 0; running && n < WORKERS; ++n) sem_post(&stop[n]);
  for (int n = 0; running && n < WORKERS; ++n) pthread_join(workers[n], NULL);
  running = 0;
}

/* Registers before the constructors of all libraries, as one does that is linked with -z initfirst. */
static void before_all(void) { pthread_atfork(let_end, NULL, NULL); }
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = before_all;

int main(void) {
  alarm(20);
  for (int i = 0; i < 5; ++i) {
    if (!running) start();
    const pid_t child = fork();
    if (child == 0) {
      void* volatile block = malloc(10);
      free(block);
      _exit(3);
    }
    int status = 0;
    if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 3) return 1;
  }
  puts("ok");
  return 0;
}
