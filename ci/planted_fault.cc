// Commits the fault that it is asked for, so that a run under a sanitizer shows that it would be
// found.
#include <cstdio>
#include <limits>
#include <mutex>
#include <string_view>
#include <thread>

namespace {

// Volatile: the compiler must not reason the fault away.
int* volatile kept;
volatile int number = std::numeric_limits<int>::max();
int shared;

int UseAfterFree() {
  kept = new int(1);
  delete kept;
  return *kept;
}

int Leak() {
  kept = new int(1);
  kept = nullptr;
  return 0;
}

int SignedOverflow() {
  const int next = number + 1;
  number = next;
  return 0;
}

int DataRace() {
  std::thread other([] { shared = 1; });
  shared = 2;
  other.join();
  return shared & 4;
}

// Two locks, in two orders: by one thread after the other, so that nobody waits.
int LockOrder() {
  static std::mutex first;
  static std::mutex second;
  std::thread([] {
    const std::lock_guard outer(first);
    const std::lock_guard inner(second);
  }).join();
  const std::lock_guard outer(second);
  const std::lock_guard inner(first);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view fault = argc == 2 ? argv[1] : "";
  if (fault == "use_after_free") return UseAfterFree();
  if (fault == "leak") return Leak();
  if (fault == "signed_overflow") return SignedOverflow();
  if (fault == "data_race") return DataRace();
  if (fault == "lock_order") return LockOrder();
  std::fprintf(stderr,
               "usage: planted_fault use_after_free|leak|signed_overflow|data_race|lock_order\n");
  return 2;
}
