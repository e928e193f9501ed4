// What does tracking cost? An allocation and its free with tracking off, on without back-traces, on
// with back-traces of 16 frames by each unwinder, and sampled, against the raw allocator; and
// reading a file of datagrams while tracking samples, against the same without.
//
// 64 blocks are allocated before the first is freed, 24 calls deep. The table itself is checked for
// back-traces of 16 frames, like by a reader from outside.

#include <dlfcn.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/dgram/writer.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/tracking.h"
#include "benchmark_program.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

using heap::HeapRoot;
using heap::LiveBlock;
using heap::RecordArray;
using heap::StackRecord;
using heap::TableShard;
using heap::TrackingOptions;
using heap::Unwinder;

// The allocator of the default pool.
#if ALKAID_HAVE_MIMALLOC
using DefaultRaw = RawMimalloc;
#elif ALKAID_HAVE_JEMALLOC
using DefaultRaw = RawJemalloc;
#else
using DefaultRaw = RawSystem;
#endif

constexpr int64_t kSampleBytes = int64_t{512} << 10;
constexpr int kFrames = 16;
constexpr int kDepth = 24;
constexpr int64_t kBlocks = 64;

const HeapRoot& Root() {
  static const auto* const root =
      static_cast<const HeapRoot*>(dlsym(RTLD_DEFAULT, "alkaid_heap_root"));
  return *root;
}

// The number of frames in the table for a block; -1 where it is not listed.
int FramesOf(const void* block) {
  const auto* shard = reinterpret_cast<const char*>(Root().blocks.shards);
  for (uint32_t s = 0; s < Root().blocks.shard_count; ++s, shard += Root().blocks.shard_size) {
    const RecordArray* const array = reinterpret_cast<const TableShard*>(shard)->array;
    if (array == nullptr) continue;
    const auto* record = reinterpret_cast<const char*>(array) + array->header_size;
    for (uint64_t i = 0; i < array->capacity; ++i, record += Root().blocks.record_size) {
      const auto* const live = reinterpret_cast<const LiveBlock*>(record);
      if (live->address != reinterpret_cast<uint64_t>(block)) continue;
      if (live->stack == 0) return 0;
      const char* const chunk = Root().stack_chunks[live->stack >> 16];
      const char* const at = chunk + (live->stack & 0xffff) * 16;
      return static_cast<int>(reinterpret_cast<const StackRecord*>(at)->depth);
    }
  }
  return -1;
}

// The tracking that a case needs; none for off. The turns of a case follow one another, so it is
// switched once for each run of a case.
using Wanted = std::optional<TrackingOptions>;

void Switch(const std::string& name, const Wanted& wanted) {
  static std::string current = "off";
  if (current == name) return;
  heap::StopTracking();
  if (wanted) RequireOk(heap::StartTracking(*wanted), "tracking");
  current = name;
}

template <typename Allocate, typename Free>
void AllocateThenFree(int64_t times, int64_t size, Allocate allocate, Free free) {
  std::array<uint8_t*, kBlocks> blocks;
  for (int64_t i = 0; i < times; ++i) {
    for (uint8_t*& block : blocks) {
      block = allocate(size);
      block[0] = 1;
    }
    for (uint8_t* const block : blocks) free(block, size);
  }
}

struct Work {
  MemoryPool* pool;
  int64_t size;
  int64_t times;
  int frames;  // that a back-trace must have
};

[[gnu::noinline]] void Allocate(const Work& work) {
  AllocateThenFree(
      work.times, work.size,
      [&](int64_t bytes) {
        uint8_t* block = nullptr;
        if (!work.pool->Allocate(bytes, &block).ok()) std::abort();
        return block;
      },
      [&](uint8_t* block, int64_t bytes) { work.pool->Free(block, bytes); });
}

[[gnu::noinline]] void Check(const Work& work) {
  uint8_t* block = nullptr;
  RequireOk(work.pool->Allocate(work.size, &block), "a block");
  Require(FramesOf(block) == work.frames, "a back-trace lacks frames that it should have");
  work.pool->Free(block, work.size);
}

template <typename Do>
[[gnu::noinline]] void Descend(int depth, const Work& work, Do last) {
  if (depth == 0) {
    last(work);
  } else {
    Descend(depth - 1, work, last);
  }
  benchmark::DoNotOptimize(depth);  // no tail call
}

void RegisterAllocations(const std::string& variant, const Wanted& wanted, const Bar& bar) {
  for (const int64_t size : {64, 512, 4096}) {
    MemoryPool* const pool = PoolOver(DefaultRaw::kName);
    const std::string name = "tracking/" + variant + "/" + std::to_string(size);
    const bool checked = wanted && wanted->sample_bytes == 0;
    Register({.name = name,
              .question = "allocate+free with tracking, ns, beside the raw allocator",
              .variant = variant + ", " + SizeName(size),
              .measured =
                  [=](int64_t times) {
                    Switch(variant, wanted);
                    Descend(kDepth, {pool, size, times, 0}, Allocate);
                  },
              .floor =
                  [=](int64_t times) {
                    AllocateThenFree(
                        times, size,
                        [](int64_t bytes) {
                          return static_cast<uint8_t*>(
                              DefaultRaw::Allocate(static_cast<size_t>(bytes)));
                        },
                        [](uint8_t* block, int64_t) { DefaultRaw::Free(block); });
                  },
              .bars = {bar},
              .items = kBlocks,
              .after =
                  [=](int64_t, benchmark::UserCounters*) {
                    Switch(variant, wanted);
                    if (checked) Descend(kDepth, {pool, size, 1, wanted->max_frames}, Check);
                    Require(heap::IsTracking() == wanted.has_value(), "tracking is not as asked");
                  }});
  }
}

constexpr int64_t kDgrams = 32'768;
constexpr int64_t kFieldsOfDgram = 8;

// Datagrams of four scalars and four arrays of 64 floats, in a file in the page cache.
class DgramFile {
 public:
  DgramFile() {
    std::string name = std::filesystem::temp_directory_path() / "alkaid_bench_XXXXXX";
    fd_ = mkstemp(name.data());
    Require(fd_ >= 0, "no file can be made: " + name);
    unlink(name.c_str());
    Write();
  }
  ~DgramFile() { close(fd_); }
  DgramFile(const DgramFile&) = delete;
  DgramFile& operator=(const DgramFile&) = delete;

  void Read() const {
    auto reader = Value(dgram::BatchReader::Open("/proc/self/fd/" + std::to_string(fd_)), "file");
    int64_t fields = 0;
    float sum = 0;
    while (true) {
      const dgram::DgramBatch batch = Value(reader->Next(), "batch");
      if (batch.empty()) break;
      for (const dgram::Dgram& dgram : batch) {
        RequireOk(ForEachField(dgram,
                               [&](const dgram::ShapesData&, const dgram::FieldView& field) {
                                 ++fields;
                                 if (field.rank() == 1) sum += (*field.Array<float>())[0];
                               }),
                  "fields");
      }
    }
    benchmark::DoNotOptimize(sum);
    Require(fields == kDgrams * kFieldsOfDgram, "fields are missing");
  }

 private:
  void Write() {
    std::vector<dgram::Field> fields(kFieldsOfDgram);
    for (size_t i = 0; i < fields.size(); ++i) {
      fields[i].name = "field" + std::to_string(i);
      fields[i].rank = i % 2 == 0 ? 0 : 1;
      fields[i].type = i % 2 == 0 ? dgram::DataType::kDouble : dgram::DataType::kFloat;
    }
    const auto names =
        Value(dgram::Names::Make(dgram::NamesId(1, 0), "detector", "kind", "serial", 0,
                                 dgram::Algorithm{"raw", 0x10000}, std::move(fields)),
              "names");
    const std::array<float, 64> values = {1, 2, 3};
    dgram::DgramWriter writer;
    RequireOk(writer.Begin(dgram::TransitionId::kConfigure, dgram::Timestamp(1, 0)), "Configure");
    RequireOk(writer.Declare(names), "Configure");
    RequireOk(writer.End(), "Configure");
    for (int64_t i = 0; i < kDgrams; ++i) {
      const dgram::Timestamp timestamp(2, static_cast<uint32_t>(i));
      RequireOk(writer.Begin(dgram::TransitionId::kL1Accept, timestamp), "L1");
      std::vector<dgram::FieldValue> data;
      for (const dgram::Field& field : names.fields()) {
        data.push_back(field.rank == 0 ? dgram::FieldValue::Scalar<double>(static_cast<double>(i))
                                       : dgram::FieldValue::Array<float>(values, {64}));
      }
      RequireOk(writer.Data(names, data), "data");
      RequireOk(writer.End(), "L1");
    }
    const auto bytes = Value(writer.Finish(), "datagrams");
    Require(write(fd_, bytes->data(), static_cast<size_t>(bytes->size())) == bytes->size(),
            "the file cannot be written");
  }

  int fd_ = -1;
};

// Both turns switch tracking on and off, and differ in when they read.
void RegisterDgrams() {
  const auto file = std::make_shared<DgramFile>();
  const TrackingOptions sampled = {.sample_bytes = kSampleBytes};
  Register({.name = "tracking/dgrams",
            .question = "reading datagrams while tracking samples, ns each, beside not tracking",
            .variant = "sampled at 512 KiB",
            .measured =
                [=](int64_t times) {
                  Switch("sampled dgrams", sampled);
                  for (int64_t i = 0; i < times; ++i) file->Read();
                  Switch("off", {});
                },
            .floor =
                [=](int64_t times) {
                  Switch("sampled dgrams", sampled);
                  Switch("off", {});
                  for (int64_t i = 0; i < times; ++i) file->Read();
                },
            .bars = {Bar::Times(1.03)},
            .items = kDgrams});
}

void RegisterAll() {
  RegisterAllocations("off", {}, Bar::Above(6));
  RegisterAllocations("no frames", TrackingOptions{.max_frames = 0}, Bar::None());
  RegisterAllocations("16 frames, cfi", TrackingOptions{.max_frames = kFrames}, Bar::Most(1000));
  RegisterAllocations("16 frames, fp",
                      TrackingOptions{.max_frames = kFrames, .unwinder = Unwinder::kFramePointers},
                      Bar::None());
  RegisterAllocations("16 frames, runtime",
                      TrackingOptions{.max_frames = kFrames, .unwinder = Unwinder::kRuntime},
                      Bar::None());
  RegisterAllocations("sampled at 512 KiB", TrackingOptions{.sample_bytes = kSampleBytes},
                      Bar::None());
  RegisterDgrams();
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  alkaid::bench::RegisterAll();
  return alkaid::bench::RunBenchmarks(argc, argv);
}
