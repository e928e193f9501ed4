// LabelTotals: the sums of each label, kept separately for each shard of the table of blocks.
//
// The caller counts under the shard's lock, so counting needs no atomics and adds no contention.
// Blocks are counted in parts of 1/kPartsOfBlock, since a sampled block stands for a fractional
// number of blocks.
//
// Ownership: its own mapped memory, never unmapped. Threads: each shard under its lock. Out of
// memory: only the labels of a chunk that cannot be mapped are not counted.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/heap/tracking/heap_layout.h"
#include "alkaid/heap/tracking/record_table_internal.h"

namespace alkaid::heap {

class ALKAID_EXPORT LabelTotals {
 public:
  static constexpr int64_t kPartsOfBlock = 1024;

  struct Sums {
    int64_t live_bytes = 0;
    int64_t live_parts = 0;
    int64_t total_bytes = 0;
    int64_t total_parts = 0;

    bool empty() const {
      return live_bytes == 0 && live_parts == 0 && total_bytes == 0 && total_parts == 0;
    }
  };

  constexpr LabelTotals() = default;
  LabelTotals(const LabelTotals&) = delete;
  LabelTotals& operator=(const LabelTotals&) = delete;

  // The block was added to the table, or removed from it.
  void AddLive(uint32_t shard, const LiveBlock& block);
  void RemoveLive(uint32_t shard, const LiveBlock& block);
  // `bytes` were allocated: the whole block, or what it grew by.
  void AddTotal(uint32_t shard, const LiveBlock& block, uint64_t bytes);
  // Undoes AddTotal, as if the block had never been allocated.
  void TakeBackTotal(uint32_t shard, const LiveBlock& block);

  // Adds the shard's sums to `sums`, an array of one element per label.
  void AddTo(uint32_t shard, Sums* sums, uint32_t count) const;
  // Sets the shard's sums to zero.
  void Clear(uint32_t shard);

 private:
  static constexpr uint32_t kChunk = 256;  // labels
  static constexpr uint32_t kChunks = Label::kMaxLabels / kChunk;

  Sums* Find(uint32_t shard, uint32_t label);

  Sums* chunks_[BlockTable::kShards][kChunks] = {};
};

}  // namespace alkaid::heap
