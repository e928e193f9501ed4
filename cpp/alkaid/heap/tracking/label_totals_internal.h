// LabelTotals: what each label has come to, counted apart for each shard of the table of blocks.
//
// The caller holds the shard's lock when it counts, so no instruction is locked and threads do not
// meet but where they meet anyway. Blocks are counted in parts, since one that was sampled stands
// for a broken number of them.
//
// Ownership: its own mapped memory, kept for good. Threads: each shard under its lock. Out of
// memory: what cannot be counted is not.
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

  // The block came into the table, or left it.
  void AddLive(uint32_t shard, const LiveBlock& block);
  void RemoveLive(uint32_t shard, const LiveBlock& block);
  // `bytes` of the block's size, all of it or what it grew by, were allocated.
  void AddTotal(uint32_t shard, const LiveBlock& block, uint64_t bytes);
  // As if the block had never been allocated.
  void TakeBackTotal(uint32_t shard, const LiveBlock& block);

  // Adds the shard's sums to `sums`, which has an element for each of `count` labels.
  void AddTo(uint32_t shard, Sums* sums, uint32_t count) const;
  // Sets the shard's sums to nothing.
  void Clear(uint32_t shard);

 private:
  static constexpr uint32_t kChunk = 256;  // labels
  static constexpr uint32_t kChunks = Label::kMaxLabels / kChunk;

  Sums* Find(uint32_t shard, uint32_t label);

  Sums* chunks_[BlockTable::kShards][kChunks] = {};
};

}  // namespace alkaid::heap
