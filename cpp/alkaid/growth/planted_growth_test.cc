// Plants each cause of growth on each backend; its verdict must come from real stamps.
//
//   alkaid_planted_growth_test CAUSE BACKEND [FILE.npy]
//
// One process a case, since what an allocator keeps depends on all earlier requests. Prints the
// report of the profile; exits 0 where the verdict is the cause's, 1 where it is another, 77 where
// the cause cannot be planted in this build.

#include <sys/mman.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/buffer_functions.h"
#include "alkaid/core/pools/jemalloc.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/growth/growth_report.h"
#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/leak_profile.h"
#include "alkaid/heap/tracking/tracking.h"
#include "fixtures/libc_malloc.h"

namespace alkaid::growth {
namespace {

constexpr int64_t kKb = 1000;
constexpr int64_t kMb = 1000 * kKb;
constexpr int kEvents = 40;

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

// Brings every page into memory.
void Touch(void* data, int64_t size) {
  auto* const bytes = static_cast<volatile uint8_t*>(data);
  for (int64_t i = 0; i < size; i += 4096) bytes[i] = 1;
  bytes[size - 1] = 1;
}

// A pool's block, fully touched; freed with its owner.
class Block {
 public:
  Block(MemoryPool* pool, int64_t size) : pool_(pool), size_(size) {
    Check(pool->Allocate(size, &data_));
    Touch(data_, size);
  }
  Block(Block&& other) noexcept
      : pool_(other.pool_), size_(other.size_), data_(std::exchange(other.data_, nullptr)) {}
  Block& operator=(Block&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Block() {
    if (data_ != nullptr) pool_->Free(data_, size_);
  }

 private:
  MemoryPool* pool_;
  int64_t size_;
  uint8_t* data_ = nullptr;
};

std::vector<Block> Blocks(MemoryPool* pool, int64_t size, int64_t total) {
  std::vector<Block> blocks;
  blocks.reserve(static_cast<size_t>(total / size));
  for (int64_t i = 0; i < total / size; ++i) blocks.emplace_back(pool, size);
  return blocks;
}

// What a program does in each event, and what it holds between them.
class Workload {
 public:
  Workload(std::string backend, MemoryPool* pool) : backend_(std::move(backend)), pool_(pool) {}
  virtual ~Workload() = default;
  virtual int events() const { return kEvents; }
  virtual void Event(int event) = 0;

 protected:
  bool OverGlibc() const { return backend_ == "system"; }

  const std::string backend_;
  MemoryPool* const pool_;
};

class Leak final : public Workload {
 public:
  using Workload::Workload;
  void Event(int /*event*/) override {
    for (Block& block : Blocks(pool_, 100 * kKb, kMb)) kept_.push_back(std::move(block));
  }

 private:
  std::vector<Block> kept_;
};

// Blocks of which slices show only a little.
class Retention final : public Workload {
 public:
  Retention(std::string backend, MemoryPool* pool) : Workload(std::move(backend), pool) {
    TrackingOptions options;
    options.views = true;
    Check(heap::StartTracking(options));
  }
  void Event(int /*event*/) override {
    auto batch = AllocateBuffer(kMb, pool_);
    Check(batch.status());
    const std::shared_ptr<Buffer> root = *std::move(batch);
    Touch(const_cast<uint8_t*>(root->data()), kMb);
    kept_.push_back(SliceBuffer(root, 64, 1000));
  }

 private:
  using TrackingOptions = heap::TrackingOptions;
  std::vector<std::shared_ptr<Buffer>> kept_;
};

// Of many small blocks a few stay, at least one in each unit that the allocator could give back as
// a whole; the next event's blocks do not fit between them. As many bytes as stay are freed
// elsewhere, so live is flat.
class Fragmentation final : public Workload {
 public:
  Fragmentation(std::string backend, MemoryPool* pool) : Workload(std::move(backend), pool) {
    for (size_t i = 0; i < std::size(kClasses); ++i) {
      ballast_.push_back(Blocks(pool_, stays_ / 4, stays_));
    }
  }
  // One size class an event. Larger blocks than the last class lie on pages of their own.
  int events() const override { return static_cast<int>(std::size(kClasses)); }
  void Event(int event) override {
    ballast_.pop_back();
    // glibc joins the free memory between two blocks: larger blocks than that do not fit.
    const int64_t size = OverGlibc() ? 2048 + 64 * event : kClasses[event];
    const size_t one_in = OverGlibc() ? 2 : 4;
    std::vector<Block> blocks = Blocks(pool_, size, stays_ * static_cast<int64_t>(one_in));
    for (size_t i = 0; i < blocks.size(); i += one_in) kept_.push_back(std::move(blocks[i]));
  }

 private:
  // Bytes. mimalloc takes 32 MiB at once, so the growth has to be many times that.
  const int64_t stays_ = backend_ == "mimalloc" ? 6 * kMb : 2 * kMb;
  static constexpr int64_t kClasses[] = {128,  192,  256,  320,  384,  448,  512,  640,  768, 896,
                                         1024, 1280, 1536, 1792, 2560, 3072, 3584, 5120, 7168};
  std::vector<std::vector<Block>> ballast_;
  std::vector<Block> kept_;
};

// Each event takes more than the one before, and gives all of it back.
class AllocatorCache final : public Workload {
 public:
  AllocatorCache(std::string backend, MemoryPool* pool) : Workload(std::move(backend), pool) {
    // By default free pages go back after 10 s; the test must not depend on that.
    if (backend_ == "jemalloc") Check(jemalloc_set_decay_ms(-1));
  }
  int events() const override { return 24; }
  void Event(int event) override {
    // glibc maps large blocks by themselves and unmaps them when freed; jemalloc takes no small
    // block out of a large free range; mimalloc takes 32 MiB at once.
    const int64_t size = OverGlibc() ? 60 * kKb : 450 * kKb;
    const int64_t step = backend_ == "mimalloc" ? 16 * kMb : 2 * kMb;
    const std::vector<Block> burst = Blocks(pool_, size, (event + 1) * step);
    // Without a block at its end, glibc gives back the end of an arena at once.
    end_ = Blocks(pool_, size, size);
  }

 private:
  std::vector<Block> end_;
};

// The program keeps memory that does not come from a pool.
class OwnMalloc final : public Workload {
 public:
  using Workload::Workload;
  ~OwnMalloc() override {
    for (void* block : kept_) std::free(block);
  }
  void Event(int /*event*/) override {
    const auto working = Blocks(pool_, 100 * kKb, kMb);
    kept_.push_back(std::malloc(kMb));
    Touch(kept_.back(), kMb);
  }

 private:
  std::vector<void*> kept_;
};

class Mappings final : public Workload {
 public:
  using Workload::Workload;
  ~Mappings() override {
    for (void* mapping : kept_) ::munmap(mapping, kMb);
  }
  void Event(int /*event*/) override {
    const auto working = Blocks(pool_, 100 * kKb, kMb);
    void* const mapping =
        ::mmap(nullptr, kMb, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) std::abort();
    Touch(mapping, kMb);
    kept_.push_back(mapping);
  }

 private:
  std::vector<void*> kept_;
};

// A cache of the program that fills up.
class LevelsOff final : public Workload {
 public:
  using Workload::Workload;
  void Event(int event) override {
    const auto working = Blocks(pool_, 100 * kKb, kMb);
    if (event >= events() / 3) return;
    for (Block& block : Blocks(pool_, 100 * kKb, 2 * kMb)) cache_.push_back(std::move(block));
  }

 private:
  std::vector<Block> cache_;
};

// Batches of all sizes, the last few of which live.
class Noise final : public Workload {
 public:
  Noise(std::string backend, MemoryPool* pool) : Workload(std::move(backend), pool) {
    // The largest come first: what allocators keep is a high-water mark, and noise creeps up to it.
    for (auto& batch : kept_) batch = Blocks(pool_, 50 * kKb, 4 * kMb);
  }
  void Event(int /*event*/) override {
    std::uniform_int_distribution<int64_t> size(kKb, 4 * kMb);
    kept_[next_++ % kept_.size()].clear();
    kept_[next_ % kept_.size()] = Blocks(pool_, 50 * kKb, size(random_));
  }

 private:
  std::mt19937 random_{20210216};
  std::array<std::vector<Block>, 4> kept_;
  size_t next_ = 0;
};

struct Cause {
  Verdict verdict;
  std::function<std::unique_ptr<Workload>(const std::string& backend, MemoryPool* pool)> make;
};

template <typename T>
Cause Of(Verdict verdict) {
  return {verdict, [](const std::string& backend, MemoryPool* pool) -> std::unique_ptr<Workload> {
            return std::make_unique<T>(backend, pool);
          }};
}

const std::map<std::string, Cause>& Causes() {
  static const std::map<std::string, Cause> causes = {
      {"leak", Of<Leak>(Verdict::kLeak)},
      {"retention", Of<Retention>(Verdict::kRetention)},
      {"fragmentation", Of<Fragmentation>(Verdict::kFragmentation)},
      {"cache", Of<AllocatorCache>(Verdict::kAllocatorCache)},
      {"malloc", Of<OwnMalloc>(Verdict::kOutside)},
      {"mappings", Of<Mappings>(Verdict::kOutside)},
      {"levels-off", Of<LevelsOff>(Verdict::kLevelsOff)},
      {"noise", Of<Noise>(Verdict::kNone)}};
  return causes;
}

int Skip(const std::string& why) {
  std::printf("skipped: %s\n", why.c_str());
  return 77;
}

int Run(const std::string& name, const std::string& backend, const char* file) {
  const Cause& cause = Causes().at(name);
  if (internal::kMallocIsSanitizers) {
    return Skip("a sanitizer's malloc says nothing of what it holds, and keeps what is freed");
  }
  auto pool = CreateMemoryPool(backend);
  if (pool.status().code() == StatusCode::kNotFound)
    return Skip("no " + backend + " in this build");
  Check(pool.status());

  LeakProfile profile{PlantedLeakOptions()};
  const std::unique_ptr<Workload> workload = cause.make(backend, pool->get());
  for (int event = 0; event < workload->events(); ++event) {
    workload->Event(event);
    Check(profile.Stamp());
  }
  Check(profile.TryRelease());
  if (file != nullptr) Check(profile.Save(file));

  const std::vector<MemoryStamp> stamps = profile.stamps();
  const GrowthVerdict verdict = JudgeGrowth(stamps);
  std::printf("%s", GrowthReport(stamps, verdict).c_str());
  if (verdict.verdict == cause.verdict) return 0;
  std::printf("\nplanted was \"%s\" on %s, and the verdict has to be \"%s\"\n", name.c_str(),
              backend.c_str(), std::string(VerdictName(cause.verdict)).c_str());
  return 1;
}

}  // namespace
}  // namespace alkaid::growth

int main(int argc, char** argv) {
  if (argc < 3 || !alkaid::growth::Causes().contains(argv[1])) {
    std::fprintf(stderr, "usage: %s CAUSE BACKEND [FILE.npy]\n", argv[0]);
    return 2;
  }
  return alkaid::growth::Run(argv[1], argv[2], argc > 3 ? argv[3] : nullptr);
}
