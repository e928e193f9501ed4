// What does comparing two snapshots of a million live allocations cost, against sorting as many
// addresses? And writing one as the bytes of a file, against copying its blocks.
//
// A tenth of the blocks was freed in between, and as many are new; 5,000 back-traces of 16 frames.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/heap/reports/heap_diff.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "benchmark_program.h"

namespace alkaid::bench {
namespace {

using heap::HeapBlock;
using heap::HeapContents;
using heap::HeapSnapshot;

constexpr uint64_t kBlocks = 1'000'000;
constexpr uint32_t kStacks = 5000;
constexpr uint32_t kFrames = 16;
// The limit is 2 s for the million.
constexpr double kMaxNsToDiff = 2000;

// `round` 0 or 1: every tenth block has another serial in each.
HeapSnapshot MakeSnapshot(uint64_t round) {
  HeapContents contents;
  contents.labels = {"", "dgram.batch", "images"};
  contents.pools.resize(2);
  contents.modules.push_back({0x400000, 0x40000000, 0x400000, "/bin/program", "id"});
  contents.stacks.emplace_back();
  for (uint32_t stack = 1; stack <= kStacks; ++stack) {
    contents.stacks.push_back({contents.frames.size(), kFrames, 0});
    for (uint32_t frame = 0; frame < kFrames; ++frame) {
      contents.frames.push_back(0x400000 + uint64_t{stack} * 64 + uint64_t{frame} * 0x100000);
    }
  }
  std::mt19937_64 random(7);
  for (uint64_t i = 0; i < kBlocks; ++i) {
    HeapBlock& block = contents.blocks.emplace_back();
    block.address = 0x7f0000000000 + i * 256;
    block.size = block.weight = static_cast<int64_t>(random() % 256);
    block.serial = i % 10 == 0 ? i * 2 + round : i * 2;
    block.stack = static_cast<uint32_t>(1 + random() % kStacks);
    block.label = static_cast<uint32_t>(i % 3);
    block.thread = static_cast<uint32_t>(1000 + i % 7);
    block.pool = static_cast<uint16_t>(i % 2);
  }
  return Value(HeapSnapshot::Make(std::move(contents)), "snapshot");
}

// Counts bytes and discards them.
class CountingStream final : public io::OutputStream {
 public:
  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override {
    benchmark::DoNotOptimize(data);
    count_ += nbytes;
    return absl::OkStatus();
  }
  Status Close() override { return absl::OkStatus(); }
  bool closed() const override { return false; }
  Result<int64_t> Tell() const override { return count_; }

 private:
  int64_t count_ = 0;
};

void RegisterAll() {
  const auto before = std::make_shared<HeapSnapshot>(MakeSnapshot(0));
  const auto after = std::make_shared<HeapSnapshot>(MakeSnapshot(1));
  auto shuffled = std::make_shared<std::vector<uint64_t>>();
  for (const HeapBlock& block : before->blocks()) shuffled->push_back(block.address);
  std::shuffle(shuffled->begin(), shuffled->end(), std::mt19937_64(7));

  Register({.name = "heap/diff",
            .question = "comparing two snapshots, ns a live allocation, beside sorting addresses",
            .variant = "1,000,000 blocks, 10 % changed",
            .measured =
                [before, after](int64_t times) {
                  for (int64_t i = 0; i < times; ++i) {
                    const heap::HeapDiff diff = heap::Diff(*before, *after);
                    Require(diff.new_blocks.size() == kBlocks / 10 &&
                                diff.freed_blocks.size() == kBlocks / 10 &&
                                diff.by_stack.size() == kStacks && diff.total.bytes() == 0,
                            "the difference is another");
                  }
                },
            .floor =
                [shuffled](int64_t times) {
                  for (int64_t i = 0; i < times; ++i) {
                    std::vector<uint64_t> addresses = *shuffled;
                    std::sort(addresses.begin(), addresses.end());
                    benchmark::DoNotOptimize(addresses.data());
                  }
                },
            .bars = {Bar::Most(kMaxNsToDiff)},
            .items = static_cast<int64_t>(kBlocks)});
  auto copy = std::make_shared<std::vector<HeapBlock>>(kBlocks);
  Register({.name = "heap/write",
            .question = "making the bytes of a heap file, ns a live allocation, beside a memcpy",
            .variant = "1,000,000 blocks",
            .measured =
                [before](int64_t times) {
                  for (int64_t i = 0; i < times; ++i) {
                    CountingStream stream;
                    RequireOk(heap::WriteHeap(*before, &stream), "heap file");
                    Require(Value(stream.Tell(), "heap file") >
                                static_cast<int64_t>(kBlocks * sizeof(HeapBlock)),
                            "blocks are missing");
                  }
                },
            .floor =
                [before, copy](int64_t times) {
                  for (int64_t i = 0; i < times; ++i) {
                    std::memcpy(copy->data(), before->blocks().data(), kBlocks * sizeof(HeapBlock));
                    benchmark::DoNotOptimize(copy->data());
                  }
                },
            .bars = {Bar::None()},
            .items = static_cast<int64_t>(kBlocks)});
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  RegisterAll();
  return RunBenchmarks(argc, argv);
}
