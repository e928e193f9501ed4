// Pools under concurrent load: threads that allocate, reallocate, free, slice and build, on each
// backend and through random stacks of adaptors, with blocks handed between threads, while tracking
// and observers are switched, snapshots are taken and the process forks.
//
//   alkaid_stress_test [--rounds=N | --seconds=N] [--seed=N] [--debug] [--plant=FAULT]
//
// Every block holds its own pattern, which is checked before it is reallocated, freed or sliced,
// and in each forked child. Every pool must count exactly what is live once all threads have
// stopped, and nothing at the end. With the same seed, each round makes the same pools and threads,
// and each thread makes the same requests. FAULT is contents, misaligned, figures or hang: the
// program must find it. --debug: in the debug mode of pools.
//
// Exits 1 where anything was wrong. A watchdog ends a program in which a thread makes no progress;
// it has no other effect.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <ostream>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/core/memory.h"
#include "alkaid/heap.h"
#include "fixtures/libc_malloc.h"
#include "tests/stress_findings.h"
#include "tests/stress_pools.h"

namespace alkaid::stress {
namespace {

using std::chrono::steady_clock;

constexpr int kSlots = 24;      // blocks of a thread
constexpr int kMailboxes = 32;  // blocks on their way to another thread
constexpr auto kStandsStill = std::chrono::seconds(120);
constexpr unsigned kChildSeconds = 60;

struct Block {
  uint8_t* data = nullptr;  // null: none
  int64_t size = 0;
  int64_t alignment = 0;
  uint64_t id = 0;
  size_t pool = 0;
};

// Asks the reporting pool for its figures, and counts.
class Asking final : public MemoryObserver {
 public:
  void OnAllocate(MemoryPool* pool, const void* /*ptr*/, int64_t size, int64_t) override {
    if (pool->bytes_allocated() < 0 || size < 0) Found(&tally.wrong_figures, "a negative figure");
  }
  void OnFree(MemoryPool* /*pool*/, const void* ptr, int64_t /*size*/) override {
    if (ptr == nullptr) Found(&tally.wrong_answers, "a free of null was told");
  }
};

struct Round {
  std::vector<StressedPool> pools;
  int threads = 1;
  int64_t operations = 0;  // for each thread
  uint64_t seed = 0;
  std::array<std::mutex, kMailboxes> locks;
  std::array<Block, kMailboxes> mail;
  std::atomic<int> working{0};
  std::atomic<uint64_t> next_id{1};
};

int64_t SizeOf(Random* random) {
  const int64_t kind = random->Below(1000);
  if (kind < 30) return 0;
  if (kind < 600) return 1 + random->Below(512);
  if (kind < 900) return 1 + random->Below(16 << 10);
  if (kind < 992) return 1 + random->Below(256 << 10);
  return 1 + random->Below(4 << 20);
}

int64_t AlignmentOf(Random* random) {
  if (random->OneIn(200)) return int64_t{1} << random->Below(22);
  return random->OneIn(2) ? kDefaultBufferAlignment : int64_t{1} << random->Below(13);
}

// The work of one thread.
class Worker {
 public:
  Worker(Round* round, int number)
      : round_(*round),
        random_(round->seed * 1000 + static_cast<uint64_t>(number)),
        progress_(&progress[static_cast<size_t>(number)]) {}

  void Run() {
    for (int64_t i = 0; i < round_.operations; ++i) Step();
    for (Block& block : slots_) Free(&block);
    tally.operations += round_.operations;
    At(progress_, "idle");
  }

 private:
  void Step() {
    // An exception of a pool changes as little as a refusal.
    try {
      Block& block = slots_[static_cast<size_t>(random_.Below(kSlots))];
      switch (random_.Below(16)) {
        case 0:
          return Exchange(&block);
        case 1:
          return UseBuffer();
        case 2:
          return UseBuilder();
        case 3:
          return Look();
        case 4:
          if (block.data != nullptr) CheckContents(block.data, block.size, block.id, "at rest");
          return;
        default:
          break;
      }
      if (block.data == nullptr) return Allocate(&block);
      return random_.OneIn(2) ? Free(&block) : Reallocate(&block);
    } catch (const std::bad_alloc&) {
      ++tally.refused;
    }
  }

  const StressedPool& AnyPool(size_t* index) {
    *index = static_cast<size_t>(random_.Below(static_cast<int64_t>(round_.pools.size())));
    return round_.pools[*index];
  }

  void Allocate(Block* block) {
    At(progress_, "Allocate");
    Block made;
    const StressedPool& pool = AnyPool(&made.pool);
    made.size = SizeOf(&random_);
    made.alignment = AlignmentOf(&random_);
    made.id = round_.next_id.fetch_add(1) << 20;
    if (!pool.failing.empty() && random_.OneIn(16)) {
      pool.failing[static_cast<size_t>(random_.Below(static_cast<int64_t>(pool.failing.size())))]
          ->fail_after(1 + random_.Below(20));
    }
    const ScopedLabel label(random_.OneIn(2) ? "stress.block" : "stress.other");
    if (!Accepted(pool.top->Allocate(made.size, made.alignment, &made.data))) return;
    CheckAlignment(made.data, made.alignment, "allocated");
    Fill(made.data, 0, made.size, made.id);
    if (made.size > 0 && IsPlanted(Fault::kContents)) ++made.data[made.size / 2];
    if (IsPlanted(Fault::kHang)) {
      At(progress_, "what was planted");
      std::binary_semaphore(0).acquire();
    }
    // Never freed: the fault `figures`.
    if (made.size > 0 && IsPlanted(Fault::kFigures)) return;
    *block = made;
  }

  void Reallocate(Block* block) {
    At(progress_, "Reallocate");
    CheckContents(block->data, block->size, block->id, "before it was reallocated");
    const int64_t size = SizeOf(&random_);
    const uint8_t* const before = block->data;
    MemoryPool* const pool = round_.pools[block->pool].top.get();
    if (!Accepted(pool->Reallocate(block->size, size, block->alignment, &block->data))) {
      if (block->data != before) Found(&tally.wrong_answers, "a refusal moved a block");
      CheckContents(block->data, block->size, block->id, "after a refusal");
      return;
    }
    CheckAlignment(block->data, block->alignment, "reallocated");
    const int64_t kept = std::min(size, block->size);
    if (!CheckContents(block->data, kept, block->id, "after it was reallocated"))
      Fill(block->data, 0, kept, block->id);
    Fill(block->data, kept, size, block->id);
    block->size = size;
  }

  void Free(Block* block) {
    if (block->data == nullptr) return;
    At(progress_, "Free");
    CheckContents(block->data, block->size, block->id, "before it was freed");
    round_.pools[block->pool].top->Free(block->data, block->size, block->alignment);
    *block = Block();
  }

  // Takes the block in a mailbox and leaves its own there: another thread frees it.
  void Exchange(Block* block) {
    At(progress_, "Exchange");
    const auto box = static_cast<size_t>(random_.Below(kMailboxes));
    const std::lock_guard lock(round_.locks[box]);
    if (block->data != nullptr) ++tally.passed_on;
    std::swap(*block, round_.mail[box]);
  }

  void UseBuffer() {
    At(progress_, "AllocateResizableBuffer");
    size_t index = 0;
    const StressedPool& pool = AnyPool(&index);
    Result<std::unique_ptr<ResizableBuffer>> made =
        random_.OneIn(2) ? AllocateResizableBuffer(SizeOf(&random_), pool.top)
                         : AllocateResizableBuffer(SizeOf(&random_), pool.top.get());
    if (!Accepted(made.status())) return;
    std::shared_ptr<ResizableBuffer> buffer = *std::move(made);
    const uint64_t id = round_.next_id.fetch_add(1) << 20;
    CheckAlignment(buffer->data(), kDefaultBufferAlignment, "a buffer");
    Fill(buffer->mutable_data(), 0, buffer->size(), id);
    const int64_t before = buffer->size();
    if (Accepted(buffer->Resize(SizeOf(&random_), random_.OneIn(2)))) {
      CheckAlignment(buffer->data(), kDefaultBufferAlignment, "a resized buffer");
      CheckContents(buffer->data(), std::min(before, buffer->size()), id, "in a resized buffer");
      Fill(buffer->mutable_data(), std::min(before, buffer->size()), buffer->size(), id);
    } else if (buffer->size() != before) {
      Found(&tally.wrong_answers, "a refusal changed a buffer's size");
    }
    const int64_t whole = buffer->size();
    const int64_t offset = random_.Below(whole + 1) & ~int64_t{7};
    std::shared_ptr<Buffer> root = std::move(buffer);
    std::shared_ptr<Buffer> slice = SliceBuffer(root, offset, random_.Below(whole - offset + 1));
    root.reset();
    slice = SliceBuffer(std::move(slice), 0);
    CheckContents(slice->data(), slice->size(), id + static_cast<uint64_t>(offset / 8),
                  "in a slice");
  }

  void UseBuilder() {
    At(progress_, "BufferBuilder");
    size_t index = 0;
    const StressedPool& pool = AnyPool(&index);
    TypedBufferBuilder<uint64_t> builder(pool.top);
    const uint64_t id = round_.next_id.fetch_add(1) << 20;
    int64_t length = 0;
    for (int64_t values = random_.Below(1000); values > 0; --values) {
      if (!Accepted(builder.Append(WordOf(id, length)))) break;
      ++length;
    }
    Result<std::shared_ptr<Buffer>> built = builder.Finish();
    if (!Accepted(built.status())) return;
    if ((*built)->size() != 8 * length)
      Found(&tally.wrong_answers, "a builder's length is another");
    CheckAlignment((*built)->data(), kDefaultBufferAlignment, "a built buffer");
    CheckContents((*built)->data(), (*built)->size(), id, "in a built buffer");
  }

  void Look() {
    At(progress_, "figures");
    size_t index = 0;
    const StressedPool& pool = AnyPool(&index);
    for (const auto& counting : pool.counting) {
      // What is live is exact only when all threads have stopped; a limit always holds.
      const int64_t live = counting->bytes_allocated();
      if (live < 0) {
        Found(&tally.wrong_figures, "%" PRId64 " bytes live in %s", live, pool.name.c_str());
      }
      const auto* const quota = dynamic_cast<const QuotaMemoryPool*>(counting.get());
      if (quota != nullptr && quota->max_memory() > quota->bytes_limit()) {
        Found(&tally.wrong_figures, "%s passed its limit", pool.name.c_str());
      }
    }
    if (random_.OneIn(500)) pool.top->ReleaseUnused();
  }

  Round& round_;
  Random random_;
  Progress* const progress_;
  std::array<Block, kSlots> slots_;
};

// Everything else that happens meanwhile, on the main thread.
class Meddler {
 public:
  Meddler(Round* round, uint64_t seed) : round_(*round), random_(seed) {}
  ~Meddler() {
    if (observing_) RemoveMemoryObserver(&observer_);
    heap::StopTracking();
  }

  void Run() {
    // Enough to go on as long as the threads do.
    const int64_t most = round_.operations * round_.threads / 100;
    for (int64_t deeds = 0; deeds < most && round_.working > 0; ++deeds) Deed();
  }

 private:
  Progress* mine() { return &progress[kMaxThreads]; }

  void Deed() {
    switch (random_.Below(5)) {
      case 0:
        return SwitchTracking();
      case 1:
        return SwitchObserver();
      case 2:
        return TakeSnapshot();
      case 3:
        At(mine(), "GetLabelStatistics");
        heap::GetLabelStatistics();
        return;
      default:
        return Fork();
    }
  }

  void SwitchTracking() {
    ++tally.switches;
    if (heap::IsTracking()) {
      At(mine(), "StopTracking");
      return heap::StopTracking();
    }
    heap::TrackingOptions options;
    options.sample_bytes = random_.OneIn(2) ? 0 : 1 + random_.Below(1 << 16);
    options.max_frames = static_cast<int>(random_.Below(24));
    options.unwinder =
        random_.OneIn(2) ? unwind::Unwinder::kCallFrameInfo : unwind::Unwinder::kFramePointers;
    options.views = random_.OneIn(2);
    At(mine(), "StartTracking");
    if (const Status status = heap::StartTracking(options); !status.ok())
      Found(&tally.wrong_answers, "StartTracking: %s", status.ToString().c_str());
  }

  void SwitchObserver() {
    ++tally.switches;
    At(mine(), observing_ ? "RemoveMemoryObserver" : "AddMemoryObserver");
    observing_ ? RemoveMemoryObserver(&observer_) : AddMemoryObserver(&observer_);
    observing_ = !observing_;
  }

  void TakeSnapshot() {
    At(mine(), "HeapSnapshot::Take");
    const Result<heap::HeapSnapshot> taken = heap::HeapSnapshot::Take("stress");
    if (taken.ok()) {
      ++tally.snapshots;
      if (taken->bytes() < 0) Found(&tally.wrong_figures, "a snapshot of negative bytes");
    } else if (heap::IsTracking()) {
      Found(&tally.wrong_answers, "Take: %s", taken.status().ToString().c_str());
    }
  }

  // A child that checks blocks in mailboxes, uses every pool and takes a snapshot.
  void Fork() {
    // ThreadSanitizer and the allocators of sanitizers do not support a child's work after such a
    // fork.
    if (internal::kMallocIsSanitizers) return;
    At(mine(), "fork");
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
      alarm(kChildSeconds);
      _exit(InChild());
    }
    if (child < 0) return;
    ++tally.forks;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
      // The child has its own alarm.
      progress[kMaxThreads].steps.fetch_add(1, std::memory_order_relaxed);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
      return Found(&tally.wrong_children, "hung: a forked child");
    Found(&tally.wrong_children, "a forked child ended with status %#x", status);
  }

  int InChild() {
    for (size_t box = 0; box < kMailboxes; ++box) {
      if (!round_.locks[box].try_lock()) continue;
      const Block& block = round_.mail[box];
      if (block.data != nullptr && FirstWrong(block.data, block.size, block.id) >= 0) return 11;
    }
    for (const StressedPool& pool : round_.pools) {
      for (int64_t size = 1; size <= 1 << 18; size *= 8) {
        uint8_t* block = nullptr;
        try {
          if (!pool.top->Allocate(size, 64, &block).ok()) continue;
        } catch (const std::bad_alloc&) {
          continue;
        }
        Fill(block, 0, size, 7);
        if (FirstWrong(block, size, 7) >= 0) return 12;
        pool.top->Free(block, size, 64);
      }
      if (pool.top->bytes_allocated() < 0) return 13;
    }
    if (heap::IsTracking() && !heap::HeapSnapshot::Take("child").ok()) return 14;
    return 0;
  }

  Round& round_;
  Random random_;
  Asking observer_;
  bool observing_ = false;
};

// All threads have stopped, so what is live is known.
void CheckFigures(const Round& round, bool in_the_end) {
  for (size_t i = 0; i < round.pools.size(); ++i) {
    const StressedPool& pool = round.pools[i];
    int64_t live = 0;
    for (const Block& block : round.mail) {
      if (block.data != nullptr && block.pool == i) live += block.size;
    }
    for (const auto& counting : pool.counting) {
      const int64_t counted = counting->bytes_allocated();
      if (counted != live) {
        Found(&tally.wrong_figures, "%s counts %" PRId64 " bytes of %" PRId64 "%s",
              pool.name.c_str(), counted, live, in_the_end ? " in the end" : "");
      }
      if (counting->max_memory() < live) Found(&tally.wrong_figures, "a peak below what is live");
    }
    if (pool.quota != nullptr && pool.quota->max_memory() > pool.quota->bytes_limit())
      Found(&tally.wrong_figures, "%s passed its limit", pool.name.c_str());
  }
}

void RunRound(uint64_t seed, int64_t number, int64_t operations, bool say) {
  Random random(seed + static_cast<uint64_t>(number) * 0x10001);
  Nowhere nowhere;
  std::ostream log(&nowhere);
  Round round;
  round.seed = random.Next() >> 16;
  // 1 to 64 threads; every other round has few, so that rounds with many do not take all the time.
  round.threads = static_cast<int>(1 + random.Below(random.OneIn(2) ? 8 : kMaxThreads));
  round.operations = std::max<int64_t>(operations / round.threads, 100);
  const std::vector<MemoryBackend> backends = MemoryBackends();
  const bool late = IsPlanted(Fault::kMisaligned);
  for (int64_t pools = 1 + random.Below(3); pools > 0; --pools) {
    const size_t at = static_cast<size_t>(number + pools) % backends.size();
    round.pools.push_back(MakePool(backends[at].name, late, &log, &random));
  }
  if (say) {
    std::printf("round %" PRId64 ": %d threads", number, round.threads);
    for (const StressedPool& pool : round.pools) std::printf("; %s", pool.name.c_str());
    std::printf("\n");
    std::fflush(stdout);
  }

  At(&progress[kMaxThreads], "starting threads");
  std::vector<std::thread> threads;
  round.working = round.threads;
  for (int t = 0; t < round.threads; ++t) {
    threads.emplace_back([&round, t] {
      Worker(&round, t).Run();
      --round.working;
    });
  }
  {
    Meddler meddler(&round, random.Next());
    meddler.Run();
    At(&progress[kMaxThreads], "idle");
    for (std::thread& thread : threads) thread.join();
  }
  CheckFigures(round, /*in_the_end=*/false);
  for (Block& block : round.mail) {
    if (block.data == nullptr) continue;
    CheckContents(block.data, block.size, block.id, "before it was freed in the end");
    round.pools[block.pool].top->Free(block.data, block.size, block.alignment);
    block = Block();
  }
  CheckFigures(round, /*in_the_end=*/true);
}

struct Options {
  int64_t rounds = 12;
  int64_t seconds = 0;  // 0: rounds
  uint64_t seed = 1;
  bool debug = false;
  Fault plant = Fault::kNone;
};

bool Parse(int argc, char** argv, Options* options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const auto takes = [&](std::string_view name, auto* value) {
      if (!argument.starts_with(name)) return false;
      *value = std::strtoll(argument.data() + name.size(), nullptr, 10);
      return true;
    };
    if (takes("--rounds=", &options->rounds) || takes("--seconds=", &options->seconds) ||
        takes("--seed=", &options->seed)) {
      continue;
    }
    if (argument == "--debug") {
      options->debug = true;
    } else if (argument == "--plant=contents") {
      options->plant = Fault::kContents;
    } else if (argument == "--plant=misaligned") {
      options->plant = Fault::kMisaligned;
    } else if (argument == "--plant=figures") {
      options->plant = Fault::kFigures;
    } else if (argument == "--plant=hang") {
      options->plant = Fault::kHang;
    } else {
      std::printf("'%s' is not understood\n", argv[i]);
      return false;
    }
  }
  return true;
}

int Run(const Options& options) {
  if (options.debug) setenv("ALKAID_DEBUG_MEMORY_POOL", "abort", /*overwrite=*/1);
  planted = options.plant;
  std::printf("seed %" PRIu64 "%s\n", options.seed, options.debug ? ", debug mode" : "");
  const Watchdog watchdog(options.plant == Fault::kHang ? std::chrono::seconds(2) : kStandsStill);
  // Rounds by the clock are large, and printed.
  const bool by_clock = options.seconds > 0;
  const auto end = steady_clock::now() + std::chrono::seconds(options.seconds);
  int64_t rounds = 0;
  while (by_clock ? steady_clock::now() < end : rounds < options.rounds) {
    RunRound(options.seed, rounds, by_clock ? 200'000 : 6'000, by_clock);
    ++rounds;
  }
  std::printf("%" PRId64 " rounds, %" PRId64 " operations, %" PRId64 " refused, %" PRId64
              " blocks passed on, %" PRId64 " switches of tracking and observers, %" PRId64
              " snapshots, %" PRId64 " forks\n",
              rounds, tally.operations.load(), tally.refused.load(), tally.passed_on.load(),
              tally.switches.load(), tally.snapshots.load(), tally.forks.load());
  std::printf("%" PRId64 " wrong contents, %" PRId64 " misaligned, %" PRId64
              " wrong figures, %" PRId64 " wrong answers, %" PRId64 " wrong children, 0 hung\n",
              tally.wrong_contents.load(), tally.misaligned.load(), tally.wrong_figures.load(),
              tally.wrong_answers.load(), tally.wrong_children.load());
  const int64_t wrong = tally.wrong_contents + tally.misaligned + tally.wrong_figures +
                        tally.wrong_answers + tally.wrong_children;
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace alkaid::stress

int main(int argc, char** argv) {
  alkaid::stress::Options options;
  return alkaid::stress::Parse(argc, argv, &options) ? alkaid::stress::Run(options) : 2;
}
