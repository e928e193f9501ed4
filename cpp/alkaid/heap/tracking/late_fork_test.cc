// A host that registers fork handlers first and then loads libalkaid.so, in a plug-in. Its handlers
// run while the fork holds the library's locks, and wait for threads that allocate and free. The
// test checks that nothing hangs, and that parent and child know exactly what is live.

#include <dlfcn.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "fixtures/child_process.h"

namespace {

using alkaid::internal::ChildEnvironment;
using alkaid::internal::ChildResult;
using alkaid::internal::RunInChild;
using alkaid::internal::RunSelf;

constexpr int kWorkers = 2;          // threads that run all the time
constexpr int kComer = kWorkers;     // a thread that starts and ends inside a handler
constexpr int kMain = kWorkers + 1;  // the thread that forks
constexpr int kForks = 30;

void (*step)(int worker);
void (*free_all)(int worker);
bool (*check)();

std::atomic<bool> stop{false};
std::atomic<int> parked{0};
bool has_comer = false;

void Work(int worker, const std::atomic<bool>* ends) {
  while (!*ends) {
    if (stop) {
      for (int i = 0; i < 40; ++i) step(worker);
      ++parked;
      parked.notify_one();
      stop.wait(true);
      --parked;
      parked.notify_one();
    }
    step(worker);
  }
}

void Prepare() {
  stop = true;
  for (int now = parked; now < kWorkers; now = parked) parked.wait(now);
  if (!has_comer) return;
  std::thread([] {
    for (int i = 0; i < 40; ++i) step(kComer);
  }).join();
  for (int i = 0; i < 40; ++i) step(kMain);
}

void Resume() {
  stop = false;
  stop.notify_all();
  for (int now = parked; now > 0; now = parked) parked.wait(now);
}

void InChild() {
  if (has_comer) {
    for (int i = 0; i < 40; ++i) step(kMain);
  }
}

// Runs as the host; 0 on success.
int Host(const char* plugin, bool with_comer) {
  alarm(60);
  has_comer = with_comer;
  pthread_atfork(Prepare, Resume, InChild);
  void* const library = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  step = reinterpret_cast<void (*)(int)>(dlsym(library, "plugin_step"));
  free_all = reinterpret_cast<void (*)(int)>(dlsym(library, "plugin_free_all"));
  check = reinterpret_cast<bool (*)()>(dlsym(library, "plugin_check"));
  std::atomic<bool> ends{false};
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) workers.emplace_back(Work, w, &ends);
  for (int i = 0; i < kForks; ++i) {
    step(kMain);
    const int code = RunInChild([] {
      if (!check()) return 3;
      for (int w = 0; w <= kMain; ++w) free_all(w);
      step(kMain);
      return check() ? 0 : 4;
    });
    if (code != 0) {
      std::fprintf(stderr, "fork %d: the child ended with %d\n", i, code);
      std::_Exit(5);  // workers are at work
    }
  }
  ends = true;
  for (std::thread& worker : workers) worker.join();
  if (!check()) return 6;
  for (int w = 0; w <= kMain; ++w) free_all(w);
  return check() ? 0 : 7;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "host") {
    return Host(argv[2], std::string_view(argv[3]) == "comer");
  }
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s PLUGIN\n", argv[0]);
    return 2;
  }
#if defined(__SANITIZE_THREAD__)
  std::printf("not run: ThreadSanitizer has locks of its own held before a fork's handlers run\n");
  return 77;
#endif
  bool good = true;
  int runs = 0;
  for (const char* backend : {"system", "jemalloc", "mimalloc"}) {
    for (const ChildEnvironment& mode : std::vector<ChildEnvironment>{
             {},
             {{"ALKAID_TRACK_ALLOCATIONS", "1"}},
             {{"ALKAID_TRACK_ALLOCATIONS", "sample:4096"}},
             {{"ALKAID_TRACK_ALLOCATIONS", "views"}},
             {{"ALKAID_GUARDED_SAMPLING", "50"}},
         }) {
      ChildEnvironment environment = mode;
      environment["ALKAID_DEFAULT_MEMORY_POOL"] = backend;
      const ChildResult result = RunSelf({"host", argv[1], "comer"}, environment);
      ++runs;
      if (result.ExitedWith(0) && result.err.empty()) continue;
      good = false;
      std::printf("%s, %s: status 0x%x\n%s", backend,
                  mode.empty() ? "" : (mode.begin()->first + "=" + *mode.begin()->second).c_str(),
                  static_cast<unsigned>(result.status), result.err.c_str());
    }
  }
  std::printf("%d hosts, %d forks each\n", runs, kForks);
  return good ? 0 : 1;
}
