#include <algorithm>

#include "alkaid/heap/tracking/label_totals_internal.h"
#include "alkaid/heap/tracking/mapped_memory_internal.h"

namespace alkaid::heap {
namespace {

// Rounds a number that is not negative. std::llround would be a call into the C library.
int64_t Rounded(double value) {
  return static_cast<int64_t>(value + 0.5);  // NOLINT(bugprone-incorrect-roundings)
}

int64_t PartsOf(const LiveBlock& block) {
  if (block.weight == block.size) return LabelTotals::kPartsOfBlock;
  return Rounded(static_cast<double>(block.weight) * LabelTotals::kPartsOfBlock /
                 static_cast<double>(block.size));
}

}  // namespace

LabelTotals::Sums* LabelTotals::Find(uint32_t shard, uint32_t label) {
  Sums*& chunk = chunks_[shard][label / kChunk];
  if (chunk == nullptr) chunk = static_cast<Sums*>(MapMemory(kChunk * sizeof(Sums)));
  return chunk == nullptr ? nullptr : chunk + label % kChunk;
}

void LabelTotals::AddLive(uint32_t shard, const LiveBlock& block) {
  Sums* const sums = Find(shard, block.label);
  if (sums == nullptr) return;
  sums->live_bytes += static_cast<int64_t>(block.weight);
  sums->live_parts += PartsOf(block);
}

void LabelTotals::RemoveLive(uint32_t shard, const LiveBlock& block) {
  Sums* const sums = Find(shard, block.label);
  if (sums == nullptr) return;
  sums->live_bytes -= static_cast<int64_t>(block.weight);
  sums->live_parts -= PartsOf(block);
}

void LabelTotals::AddTotal(uint32_t shard, const LiveBlock& block, uint64_t bytes) {
  Sums* const sums = Find(shard, block.label);
  if (sums == nullptr) return;
  sums->total_parts += PartsOf(block);
  sums->total_bytes += block.weight == block.size
                           ? static_cast<int64_t>(bytes)
                           : Rounded(static_cast<double>(block.weight) *
                                     static_cast<double>(bytes) / static_cast<double>(block.size));
}

void LabelTotals::TakeBackTotal(uint32_t shard, const LiveBlock& block) {
  Sums* const sums = Find(shard, block.label);
  if (sums == nullptr) return;
  sums->total_parts -= PartsOf(block);
  sums->total_bytes -= static_cast<int64_t>(block.weight);
}

void LabelTotals::AddTo(uint32_t shard, Sums* sums, uint32_t count) const {
  for (uint32_t label = 0; label < count; ++label) {
    const Sums* const chunk = chunks_[shard][label / kChunk];
    if (chunk == nullptr) {
      label += kChunk - 1;
      continue;
    }
    const Sums& here = chunk[label % kChunk];
    sums[label].live_bytes += here.live_bytes;
    sums[label].live_parts += here.live_parts;
    sums[label].total_bytes += here.total_bytes;
    sums[label].total_parts += here.total_parts;
  }
}

void LabelTotals::Clear(uint32_t shard) {
  for (Sums* const chunk : chunks_[shard]) {
    if (chunk != nullptr) std::fill_n(chunk, kChunk, Sums());
  }
}

}  // namespace alkaid::heap
