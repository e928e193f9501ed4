#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <thread>
#include <utility>

#include "alkaid/core/observers/observer_list_internal.h"

namespace alkaid::internal {
namespace {

class Observer {
 public:
  explicit Observer(std::function<void()> what) : told(std::move(what)) {}
  const std::function<void()> told;
};

constinit thread_local NotifyingThread notifying_thread = {nullptr, {0, 0}, 0};
NotifyingThread& ThisThread() { return notifying_thread; }

using List = ObserverList<Observer, ThisThread>;
constexpr uint8_t kOne = 1;
constexpr uint8_t kOther = 2;

// A list is never destroyed. Threads get their slots in order.
List& NewList() {
  notifying_thread.slot = 0;  // another test's list set it
  return *new List;
}

void Tell(List* list, uint8_t kind) {
  list->NotifyAll(kind, [](Observer* observer) { observer->told(); });
}
void Add(List* list, Observer* observer, uint8_t kind) {
  list->Add(observer, kind, [](const auto&) {});
}
void Remove(List* list, Observer* observer) {
  list->Remove(observer, [](const auto&) {});
}
// Long enough, most likely, for another thread to do what it was about to do.
void YieldOften() {
  for (int i = 0; i < 1000; ++i) sched_yield();
}

TEST(ObserverList, RemovalEndsThoughTheThreadsOfOneSlotAreNeverAllOutside) {
  List& list = NewList();
  // Each of two threads leaves the observer only after the other has entered it.
  constexpr int64_t kMaxCalls = 1'000'000;
  std::atomic<int64_t> calls{0};
  std::atomic<bool> stop{false};
  Observer overlapping([&] {
    const int64_t own = ++calls;
    while (calls == own && !stop) sched_yield();
    if (own > kMaxCalls) stop = true;
  });
  Observer removed([] {});
  Add(&list, &overlapping, kOne);
  Add(&list, &removed, kOther);
  const auto keep_telling = [&] {
    while (!stop) Tell(&list, kOne);
  };
  std::thread first(keep_telling);
  while (calls == 0) sched_yield();
  // So that the second thread gets the same slot as the first.
  for (uint32_t i = 1; i < List::kSlots; ++i) {
    std::thread([&list] { Tell(&list, kOther); }).join();
  }
  std::thread second(keep_telling);
  while (calls < 100) sched_yield();
  Remove(&list, &removed);
  EXPECT_FALSE(stop) << "removal ended only when nobody was told any more";
  stop = true;
  first.join();
  second.join();
  Remove(&list, &overlapping);
}

TEST(ObserverList, RemovalWaitsForWhoeverIsInsideUnderEitherPhase) {
  List& list = NewList();
  for (int phase = 0; phase < 2; ++phase) {
    std::atomic<bool> inside{false}, leave{false}, left{false}, removed{false};
    Observer slow([&] {
      inside = true;
      while (!leave) sched_yield();
      left = !removed;
    });
    // Every Add switches the phase, and each round adds once more: so the thread enters under
    // either.
    for (int i = 0; i <= phase; ++i) Add(&list, &slow, kOne);
    std::thread telling([&list] { Tell(&list, kOne); });
    while (!inside) sched_yield();
    std::atomic<bool> replaced{false};
    std::thread removing([&] {
      list.Remove(&slow, [&replaced](const auto&) { replaced = true; });
      removed = true;
    });
    while (!replaced) sched_yield();
    YieldOften();
    EXPECT_FALSE(removed) << phase;
    leave = true;
    telling.join();
    removing.join();
    EXPECT_TRUE(left) << phase;
  }
}

TEST(ObserverList, AChildForkedInsideAnObserverCanRemoveWhileOthersWereInsideAndWaiting) {
  List& list = NewList();
  std::atomic<bool> leave{false}, inside{false}, replaced{false};
  Observer blocking([&] {
    inside = true;
    while (!leave) sched_yield();
  });
  pid_t child = -1;
  Observer forking([&child] {
    child = fork();
    if (child == 0) alarm(20);
  });
  Observer removed([] {});
  Add(&list, &blocking, kOther);
  Add(&list, &forking, kOne);
  std::thread blocked([&list] { Tell(&list, kOther); });
  while (!inside) sched_yield();
  std::thread waiting(
      [&] { list.Remove(&removed, [&replaced](const auto&) { replaced = true; }); });
  while (!replaced) sched_yield();
  YieldOften();
  Tell(&list, kOne);
  if (child == 0) {
    Remove(&list, &forking);
    _exit(0);
  }
  leave = true;
  blocked.join();
  waiting.join();
  Remove(&list, &forking);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0) << "the child waits for threads that it does not have";
}

}  // namespace
}  // namespace alkaid::internal
