#include <pthread.h>

#include <atomic>
#include <cstdlib>
#include <iterator>
#include <mutex>
#include <utility>
#include <vector>

#include "alkaid/base/fork_guard_internal.h"

namespace alkaid::internal {
namespace {

struct Actions {
  std::function<void()> prepare, parent, child;
  ForkOrder order;
};

// `list_lock` is held across the fork itself, so that the list cannot change between prepare and
// child.
struct Guards {
  std::mutex list_lock;
  std::vector<Actions> list;
};

Guards& AllGuards() {
  static Guards* const guards = new Guards;  // never destroyed: static destructors may fork
  return *guards;
}

void Prepare() {
  Guards& guards = AllGuards();
  guards.list_lock.lock();
  for (const Actions& actions : guards.list) actions.prepare();
}

void Parent() {
  Guards& guards = AllGuards();
  for (auto it = guards.list.rbegin(); it != guards.list.rend(); ++it) it->parent();
  guards.list_lock.unlock();
}

void Child() {
  Guards& guards = AllGuards();
  for (auto it = guards.list.rbegin(); it != guards.list.rend(); ++it) it->child();
  guards.list_lock.unlock();
}

// Whether the three above are called around forks.
bool IsInstalled() {
  static const bool installed = pthread_atfork(Prepare, Parent, Child) == 0;
  return installed;
}

}  // namespace

void InstallForkGuard() {
  if (!IsInstalled()) std::abort();
}

void GuardFork(std::function<void()> prepare, std::function<void()> parent,
               std::function<void()> child, ForkOrder order) {
  InstallForkGuard();
  Guards& guards = AllGuards();
  const std::lock_guard<std::mutex> lock(guards.list_lock);
  auto place = guards.list.end();
  while (order == ForkOrder::kUsual && place != guards.list.begin() &&
         std::prev(place)->order == ForkOrder::kInnermost) {
    --place;
  }
  guards.list.insert(place, {std::move(prepare), std::move(parent), std::move(child), order});
}

uint64_t ForkGeneration() {
  static std::atomic<uint64_t>* const forks = [] {
    auto* const count = new std::atomic<uint64_t>(0);
    GuardFork([] {}, [] {}, [count] { count->fetch_add(1, std::memory_order_relaxed); });
    return count;
  }();
  return forks->load(std::memory_order_relaxed);
}

// See first_made.h.
[[gnu::constructor]] static void MakeAtLoad() { ForkGeneration(); }

}  // namespace alkaid::internal
