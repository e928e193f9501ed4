// What the files of the pool contract share: a block that knows its content, and the form of a
// test.
//
// Ownership: a Block frees what it holds; it borrows the pool. Threads: one at a time per Block.
// Out of memory: the pool's status.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"

namespace alkaid::internal {

struct ContractRule {
  const char* name;
  void (*body)(MemoryPool&);
};

// What every pool promises of addresses; the rest stands in pool_contract.cc.
std::span<const ContractRule> AlignmentContract();

inline std::vector<int64_t> AllAlignments() {
  std::vector<int64_t> alignments;
  for (int64_t a = 1; a <= kMaxBufferAlignment; a *= 2) alignments.push_back(a);
  return alignments;
}

inline bool IsAligned(const uint8_t* ptr, int64_t alignment) {
  return reinterpret_cast<uintptr_t>(ptr) % static_cast<uintptr_t>(alignment) == 0;
}

// A block with a content that tells it, and every place in it, from others.
class Block {
 public:
  Block(MemoryPool& pool, int64_t alignment, uint32_t seed)
      : pool_(pool), alignment_(alignment), seed_(seed) {}
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() { Free(); }

  Status Allocate(int64_t size) {
    ALKAID_RETURN_NOT_OK(pool_.Allocate(size, alignment_, &data_));
    size_ = size;
    Fill(0);
    return absl::OkStatus();
  }
  Status Reallocate(int64_t size) {
    const int64_t old_size = size_;
    ALKAID_RETURN_NOT_OK(pool_.Reallocate(old_size, size, alignment_, &data_));
    size_ = size;
    EXPECT_TRUE(Holds(std::min(old_size, size))) << old_size << " to " << size << " bytes";
    Fill(old_size);
    return absl::OkStatus();
  }
  void Free() {
    if (data_ != nullptr) pool_.Free(data_, size_, alignment_);
    data_ = nullptr;
  }

  // Reallocates with any arguments, where the pool is to refuse. Should it not, the block is what
  // the pool made of it.
  Status TryReallocate(int64_t old_size, int64_t new_size, int64_t alignment) {
    uint8_t* const before = data_;
    Status status = pool_.Reallocate(old_size, new_size, alignment, &data_);
    if (status.ok()) size_ = new_size;
    EXPECT_EQ(data_, before) << "moved by a reallocation to be refused";
    return status;
  }

  uint8_t* data() const { return data_; }
  int64_t size() const { return size_; }
  int64_t alignment() const { return alignment_; }
  bool Holds() const { return Holds(size_); }

 private:
  // Eight bytes at a time, the last ones singly: a sanitizer minds every access.
  uint64_t WordAt(int64_t i) const {
    return (static_cast<uint64_t>(i) + seed_) * 0x9e3779b97f4a7c15;
  }
  uint8_t ByteAt(int64_t i) const { return static_cast<uint8_t>(WordAt(i / 8) >> (i % 8 * 8)); }
  void Fill(int64_t from) {
    int64_t i = from;
    for (; i < size_ && i % 8 != 0; ++i) data_[i] = ByteAt(i);
    for (; i + 8 <= size_; i += 8) {
      const uint64_t word = WordAt(i / 8);
      std::memcpy(data_ + i, &word, 8);
    }
    for (; i < size_; ++i) data_[i] = ByteAt(i);
  }
  bool Holds(int64_t count) const {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
      uint64_t word;
      std::memcpy(&word, data_ + i, 8);
      if (word != WordAt(i / 8)) return false;
    }
    for (; i < count; ++i) {
      if (data_[i] != ByteAt(i)) return false;
    }
    return true;
  }

  MemoryPool& pool_;
  const int64_t alignment_;
  const uint32_t seed_;
  uint8_t* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace alkaid::internal
