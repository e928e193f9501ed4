#include "alkaid/core/pools/thread_counters.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <unordered_map>
#include <utility>
#include <vector>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/core/pools/listed_pools.h"

constinit alkaid::internal::PoolListRoot alkaid_pools = {
    "ALKPOOL", alkaid::internal::kPoolListVersion, sizeof(alkaid::internal::PoolListRoot), {0}, {}};

namespace alkaid::internal {
namespace {

// Never written: `empty_table` means "no table yet", `closed_table` means "this thread has ended".
constinit CounterTable empty_table;
constinit CounterTable closed_table;

// During this scope the list of pools is changing.
struct ListChange {
  ListChange() { alkaid_pools.changing.fetch_add(1); }
  ~ListChange() { alkaid_pools.changing.fetch_sub(1); }
  ListChange(const ListChange&) = delete;
  ListChange& operator=(const ListChange&) = delete;
};

// All lines of a thread, by their pools' ids. Only the thread itself reads and writes it.
struct ThreadTable : CounterTable {
  // With more lines than this a thread drops those of pools that are gone. The limit then becomes
  // twice what is left, so that a thread that uses many pools looks at each of its lines only a few
  // times.
  static constexpr size_t kTidyAt = 64;

  std::unordered_map<uint64_t, CounterLine*> lines;
  size_t tidy_at = kTidyAt;
  ThreadTable* next_closed = nullptr;  // links threads that ended while a fork held the lock
};

struct OwnedLine {
  CounterLine* line;
  const CounterTable* owner;  // null: free for adoption
};

struct OpenPool {
  std::vector<OwnedLine> lines;
  // The previous one in the list of pools; null at the head. Not in the list itself, whose layout
  // others read (pool_list.h).
  PoolRecord* previous = nullptr;
};

void RaiseTo(std::atomic<int64_t>* peak, int64_t value) {
  int64_t seen = peak->load(std::memory_order_relaxed);
  while (seen < value && !peak->compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

constinit thread_local CounterTable* thread_counter_table
    __attribute__((tls_model("initial-exec"))) = &empty_table;

// Which pools live, and who owns which line. Never destroyed.
struct CounterRegistry {
  ForkMutex<std::mutex> lock;
  std::unordered_map<uint64_t, OpenPool> pools;
  uint64_t last_id = 0;
  pthread_key_t exit_key;
  std::atomic<ThreadTable*> closed{nullptr};

  CounterRegistry() {
    // A key's destructor runs after those of C++ thread_local objects, which may still free
    // buffers.
    has_exit_key = pthread_key_create(&exit_key, CloseThread) == 0;
    GuardFork([this] { lock.Prepare(); },
              [this] {
                lock.GoOn();
                LeaveLinesOfClosedThreads();
              },
              [this] {
                LeaveLinesOfOtherThreads();
                lock.GoOnInChild();
              });
  }
  bool has_exit_key = false;

  static CounterRegistry& Get() {
    static CounterRegistry* const registry = new CounterRegistry;
    return *registry;
  }

  // In a forked child, where this is the only thread.
  void LeaveLinesOfOtherThreads() {
    for (auto& [id, pool] : pools) {
      for (OwnedLine& owned : pool.lines) {
        if (owned.owner != thread_counter_table) owned.owner = nullptr;
      }
    }
  }

  static void CloseThread(void* table_of_thread) {
    auto* const table = static_cast<ThreadTable*>(table_of_thread);
    thread_counter_table = &closed_table;
    CounterRegistry& registry = Get();
    table->next_closed = registry.closed;
    while (!registry.closed.compare_exchange_weak(table->next_closed, table)) {
    }
    registry.LeaveLinesOfClosedThreads();
  }

  // While a fork holds the lock, the fork does this when it ends.
  void LeaveLinesOfClosedThreads() {
    while (closed != nullptr && lock.LockUnlessForking()) {
      const std::lock_guard guard(lock, std::adopt_lock);
      for (ThreadTable* table = closed.exchange(nullptr); table != nullptr;) {
        for (const auto& [id, line] : table->lines) {
          const auto pool = pools.find(id);
          if (pool == pools.end()) continue;
          for (OwnedLine& owned : pool->second.lines) {
            if (owned.line == line && owned.owner == table) owned.owner = nullptr;
          }
        }
        delete std::exchange(table, table->next_closed);
      }
    }
  }

  // The calling thread's own table, made at its first use; null once the thread has ended, or out
  // of memory.
  ThreadTable* OpenThread() {
    if (thread_counter_table == &closed_table || !has_exit_key) return nullptr;
    if (thread_counter_table != &empty_table) {
      return static_cast<ThreadTable*>(thread_counter_table);
    }
    auto* table = new (std::nothrow) ThreadTable;
    if (table == nullptr) return nullptr;
    if (pthread_setspecific(exit_key, table) != 0) {
      delete table;
      return nullptr;
    }
    thread_counter_table = table;
    return table;
  }

  // Null during a fork. Throws if there is no memory; then nothing was made or adopted.
  CounterLine* Adopt(PoolCounters* counters, const CounterTable* owner) {
    if (!lock.LockUnlessForking()) return nullptr;
    const std::lock_guard guard(lock, std::adopt_lock);
    std::vector<OwnedLine>& lines = pools.at(counters->id_).lines;
    for (OwnedLine& owned : lines) {
      if (owned.owner == nullptr) {
        owned.owner = owner;
        return owned.line;
      }
    }
    auto line = std::make_unique<CounterLine>(counters);
    lines.push_back({line.get(), owner});
    line->next = counters->record_.lines.load(std::memory_order_relaxed);
    counters->record_.lines.store(line.get(), std::memory_order_release);
    return line.release();
  }

  void Forget(ThreadTable* table) {
    if (!lock.LockUnlessForking()) return;  // later, then
    const std::lock_guard guard(lock, std::adopt_lock);
    std::erase_if(table->lines, [this](const auto& line) { return !pools.contains(line.first); });
    table->tidy_at = std::max(ThreadTable::kTidyAt, 2 * table->lines.size());
  }

  static uint64_t Open() {
    CounterRegistry& registry = Get();
    const std::lock_guard guard(registry.lock);
    const uint64_t id = ++registry.last_id;
    registry.pools.emplace(id, OpenPool());
    return id;
  }

  static void List(PoolRecord* record) {
    CounterRegistry& registry = Get();
    const std::lock_guard guard(registry.lock);
    const ListChange change;
    record->next = alkaid_pools.first.load(std::memory_order_relaxed);
    if (record->next != nullptr) registry.pools.at(record->next->id).previous = record;
    alkaid_pools.first.store(record, std::memory_order_release);
  }

  static void Close(PoolRecord* record) {
    CounterRegistry& registry = Get();
    const std::lock_guard guard(registry.lock);
    const auto pool = registry.pools.find(record->id);
    PoolRecord* const previous = pool->second.previous;
    {
      const ListChange change;
      if (previous == nullptr) {
        alkaid_pools.first.store(record->next, std::memory_order_release);
      } else {
        previous->next = record->next;
      }
    }
    if (record->next != nullptr) registry.pools.at(record->next->id).previous = previous;
    for (const OwnedLine& owned : pool->second.lines) delete owned.line;
    registry.pools.erase(pool);
  }
};

// See first_made.h.
[[gnu::constructor]] static void MakeAtLoad() { CounterRegistry::Get(); }

PoolCounters::PoolCounters() : id_(CounterRegistry::Open()), slot_(id_ % CounterTable::kSlots) {
  record_.id = id_;
  record_.shared = &shared_;
  record_.announced_peak = &announced_peak_;
  CounterRegistry::List(&record_);
}

PoolCounters::~PoolCounters() {
  CounterRegistry::Close(&record_);
  // Other threads drop theirs when they tidy. This one, usually the pool's user, drops its own now.
  if (thread_counter_table != &empty_table && thread_counter_table != &closed_table) {
    static_cast<ThreadTable*>(thread_counter_table)->lines.erase(id_);
  }
}

void PoolCounters::Describe(const void* pool, std::string_view name) {
  // The record is listed already, and others may be reading it.
  const std::lock_guard guard(CounterRegistry::Get().lock);
  record_.pool = pool;
  record_.name[name.copy(record_.name, sizeof(record_.name) - 1)] = '\0';
}

CounterLine* PoolCounters::FindLine() try {
  CounterRegistry& registry = CounterRegistry::Get();
  ThreadTable* table = registry.OpenThread();
  if (table == nullptr) return nullptr;
  CounterTable::Slot& slot = table->slots[slot_];
  if (const auto known = table->lines.find(id_); known != table->lines.end()) {
    slot = {id_, known->second};
    return known->second;
  }
  if (table->lines.size() >= table->tidy_at) registry.Forget(table);
  // The place first: a line that belongs to the thread must be in the thread's table.
  const auto place = table->lines.emplace(id_, nullptr).first;
  try {
    place->second = registry.Adopt(this, table);
  } catch (const std::bad_alloc&) {
    table->lines.erase(place);
    throw;
  }
  if (place->second == nullptr) {
    table->lines.erase(place);
    return nullptr;
  }
  slot = {id_, place->second};
  return place->second;
} catch (const std::bad_alloc&) {
  return nullptr;
}

void PoolCounters::DidAllocateUnseen(int64_t size) {
  CounterLine* const line = FindLine();
  if (line == nullptr) return DidAllocateShared(size);
  DidAllocate(size, line);
}

void PoolCounters::DidFreeSlowly(int64_t size) {
  CounterLine* const line = FindLine();
  if (line == nullptr) return DidFreeShared(size);
  Add(&line->freed, size);
  if (line->net() < line->floor.load(std::memory_order_relaxed)) Lower(line, size);
}

void PoolCounters::Announce(int64_t change) {
  const int64_t sum = announced_.fetch_add(change, std::memory_order_relaxed) + change;
  RaiseTo(&announced_peak_, sum);
}

void PoolCounters::Raise(CounterLine* line, int64_t size) {
  const int64_t target = line->net() + kStep;
  Announce(target - line->announced.load(std::memory_order_relaxed));
  line->announced.store(target, std::memory_order_relaxed);
  line->floor.store(target - 2 * kStep - std::min(size, kMaxSlack), std::memory_order_relaxed);
}

void PoolCounters::Lower(CounterLine* line, int64_t size) {
  const int64_t slack = std::min(size, kMaxSlack);
  const int64_t target = line->net() + slack + kStep;
  Announce(target - line->announced.load(std::memory_order_relaxed));
  line->announced.store(target, std::memory_order_relaxed);
  line->floor.store(target - 2 * kStep - slack, std::memory_order_relaxed);
}

void PoolCounters::DidAllocateShared(int64_t size) {
  shared_.total.fetch_add(size, std::memory_order_relaxed);
  shared_.count.fetch_add(1, std::memory_order_relaxed);
  const int64_t net = shared_.net.fetch_add(size, std::memory_order_relaxed) + size;
  RaiseTo(&shared_.high, net);
  Announce(size);
}

void PoolCounters::DidFreeShared(int64_t size) {
  shared_.net.fetch_sub(size, std::memory_order_relaxed);
  Announce(-size);
}

template <typename Figure>
int64_t PoolCounters::SumOverLines(const Figure& figure) const {
  int64_t sum = 0;
  for (const CounterLine* line = record_.lines; line != nullptr; line = line->next) {
    sum += figure(*line);
  }
  return sum;
}

int64_t PoolCounters::bytes_allocated() const {
  const int64_t sum = shared_.net.load(std::memory_order_relaxed) +
                      SumOverLines([](const CounterLine& line) { return line.net(); });
  // While calls are in flight a free can be seen before its allocation.
  return std::max<int64_t>(sum, 0);
}

int64_t PoolCounters::max_memory() const {
  const int64_t sum =
      shared_.high.load(std::memory_order_relaxed) + SumOverLines([](const CounterLine& line) {
        return line.high.load(std::memory_order_relaxed);
      });
  return std::min(sum, announced_peak_.load(std::memory_order_relaxed));
}

int64_t PoolCounters::total_bytes_allocated() const {
  return shared_.total.load(std::memory_order_relaxed) + SumOverLines([](const CounterLine& line) {
           return line.total.load(std::memory_order_relaxed);
         });
}

int64_t PoolCounters::num_allocations() const {
  return shared_.count.load(std::memory_order_relaxed) + SumOverLines([](const CounterLine& line) {
           return line.count.load(std::memory_order_relaxed);
         });
}

void VisitListedPools(ListedPoolVisitor visit, void* context) {
  const std::lock_guard guard(CounterRegistry::Get().lock);
  for (const PoolRecord* record = alkaid_pools.first; record != nullptr; record = record->next) {
    int64_t live = record->shared->net.load(std::memory_order_relaxed);
    for (const CounterLine* line = record->lines; line != nullptr; line = line->next) {
      live += line->net();
    }
    visit({.name = record->name, .bytes_allocated = std::max<int64_t>(live, 0)}, context);
  }
}

}  // namespace alkaid::internal
