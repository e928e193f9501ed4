#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <unordered_map>
#include <vector>

#include "alkaid/heap/reports/block_contents_internal.h"
#include "alkaid/heap/reports/block_findings_internal.h"
#include "alkaid/heap/reports/block_index_internal.h"
#include "alkaid/heap/reports/own_memory_internal.h"
#include "alkaid/heap/reports/python_types_internal.h"

namespace alkaid::heap {
namespace {

constexpr uint64_t kWord = OwnMemory::kWord;
// Blocks with at most this gap between them are read at once: no whole page lies in the gap.
constexpr uint64_t kGap = 1024;
constexpr uint64_t kSpanBytes = uint64_t{256} << 10;
// The limit for a deque's map and a hash container's buckets, which are read whole or not at all.
constexpr uint64_t kMaxMapBytes = uint64_t{4} << 20;

uint64_t SizeOf(const HeapBlock& block) { return static_cast<uint64_t>(block.size); }

class Recognizer {
 public:
  Recognizer(HeapContents* contents, const RecognitionLimits& limits)
      : contents_(*contents),
        blocks_(contents->blocks),
        limits_(limits),
        most_lookups_(limits.lookups + limits.lookups_of_block * blocks_.size()),
        memory_(limits.bytes),
        index_(blocks_),
        findings_(contents),
        python_(*contents, &index_, &memory_, &findings_),
        tried_(blocks_.size()) {
    for (const HeapBlock& block : blocks_) largest_ = std::max(largest_, SizeOf(block));
  }

  uint64_t Run() {
    span_.resize(kSpanBytes / kWord + 2);
    MeetPython();
    uint32_t next = 0;
    while (next < blocks_.size() && !IsSpent()) next = ReadSpan(next);
    for (contents_.unexamined = unreached_; next < blocks_.size(); ++next) {
      contents_.unexamined += findings_.IsNamed(next) ? 0 : 1;
    }
    findings_.Finish();
    return index_.lookups();
  }

 private:
  bool IsSpent() const { return memory_.exhausted() || index_.lookups() >= most_lookups_; }

  // Finds the first object whose type lies in a module.
  void MeetPython() {
    for (uint32_t i = 0; i < blocks_.size() && !python_.is_met() && !IsSpent(); ++i) {
      std::array<uint64_t, 2> words;
      static_assert(sizeof(words) == kFirstBytes);
      std::memcpy(words.data(), blocks_[i].first.data(), sizeof(words));
      if (blocks_[i].first_count() == kFirstBytes) python_.At(words[1]);
    }
  }

  uint64_t OwnerBytes(const HeapBlock& block) const {
    return std::min(SizeOf(block), limits_.owner_bytes);
  }

  // Reads blocks that lie near each other, from `first` on. Returns the first block not read.
  uint32_t ReadSpan(uint32_t first) {
    if (findings_.IsNamed(first)) return first + 1;
    const uint64_t start = blocks_[first].address & ~(kWord - 1);
    uint64_t end = blocks_[first].address + OwnerBytes(blocks_[first]);
    uint32_t after = first + 1;
    for (; after < blocks_.size() && !findings_.IsNamed(after); ++after) {
      const HeapBlock& block = blocks_[after];
      const uint64_t block_end = block.address + OwnerBytes(block);
      if (block.address > end + kGap || block_end > start + kSpanBytes) break;
      end = std::max(end, block_end);
    }
    const uint64_t got = memory_.ReadSome(start, span_.data(), end - start);
    span_start_ = start;
    span_bytes_ = got;
    for (uint32_t i = first; i < after; ++i) {
      const HeapBlock& block = blocks_[i];
      const uint64_t offset = block.address - start;
      // A block that is unmapped by now is left out; the blocks after it are read anew.
      if (offset + OwnerBytes(block) > got) return i + 1;
      if (IsSpent()) return i;
      if (offset % kWord == 0) Visit(i, &span_[offset / kWord], OwnerBytes(block) / kWord);
    }
    return after;
  }

  void Visit(uint32_t block, const uint64_t* words, uint64_t count) {
    VisitObject(block, words, count);
    for (uint64_t i = 0; i + 2 < count; ++i) {
      if (words[i] % kWord == 0 && index_.MayHold(words[i])) {
        VisitPointer(blocks_[block].address + i * kWord, words + i, count - i);
      }
    }
    unreached_ += IsSpent() ? 1 : 0;
  }

  void VisitObject(uint32_t block, const uint64_t* words, uint64_t count) {
    for (uint64_t offset = 0; offset <= 4 && offset + 2 <= count; offset += 2) {
      const uint64_t* const object = words + offset;
      const PythonTypes::Type* const type = python_.At(object[1]);
      if (type == nullptr || PythonTypes::OffsetOf(type->flags) != offset * kWord ||
          static_cast<uint32_t>(object[0]) == 0) {
        continue;
      }
      // The shortest str objects are smaller than the basic size of their type.
      constexpr uint64_t kShortText = 40;
      const uint64_t least =
          (type->flags & PythonTypes::kIsStr) != 0 ? std::min(type->size, kShortText) : type->size;
      if (SizeOf(blocks_[block]) < offset * kWord + least) continue;
      findings_.Set(block, type->category);
      if (type->size >= 40 && count - offset >= type->size / kWord) {
        VisitPythonOwner(*type, object);
      }
      return;
    }
  }

  void VisitPythonOwner(const PythonTypes::Type& type, const uint64_t* object) {
    if ((type.flags & PythonTypes::kIsDict) != 0) {
      const uint32_t keys = index_.At(object[4]);
      if (keys != BlockIndex::kNone) findings_.SetOwned(keys, &dict_keys_, "Python dict keys");
    } else if ((type.flags & PythonTypes::kIsList) != 0) {
      const uint32_t items = index_.At(object[3]);
      if (items != BlockIndex::kNone && object[2] <= object[4] &&
          object[4] == SizeOf(blocks_[items]) / kWord && SizeOf(blocks_[items]) % kWord == 0) {
        findings_.SetOwned(items, &list_items_, "Python list items");
      }
    } else if (type.is_bytearray) {
      const uint32_t bytes = index_.At(object[4]);
      if (bytes != BlockIndex::kNone && object[2] <= object[3] &&
          object[3] == SizeOf(blocks_[bytes])) {
        findings_.SetOwned(bytes, &bytearray_bytes_, "Python bytearray bytes");
      }
    }
  }

  // `words` are the words at `address`; the first may be a pointer to a block.
  void VisitPointer(uint64_t address, const uint64_t* words, uint64_t count) {
    const uint64_t begin = words[0];
    const uint64_t second = words[1];
    const uint64_t third = words[2];
    // Words that fit no rule need no lookup.
    const bool string =
        count >= 4 && second > 0 && second <= third && third >= 16 && third < largest_;
    const bool vector = begin < second && second <= third && (second | third) % kWord == 0;
    const bool array = second >= 2 && second <= largest_ / kWord && count >= 7;
    if ((!string && !vector && !array) || IsSpent()) return;
    const uint32_t block = index_.At(begin);
    if (block == BlockIndex::kNone || findings_.IsKnown(block)) return;
    const uint64_t size = SizeOf(blocks_[block]);
    if (string && size == third + 1) {
      if (IsOfOperatorNew(blocks_[block]) && HoldsText(begin, second)) {
        findings_.SetOwned(block, &string_, "std::string");
      }
    } else if (vector && size == third - begin) {
      if (HoldsPointers(block, second - begin)) {
        findings_.SetOwned(block, &vector_, "vector of pointers");
      }
    } else if (array && size == second * kWord) {
      if (count < 10 || !VisitDeque(block, words)) VisitHash(block, address, words);
    }
  }

  // Whether operator new allocated the block. A C struct may have the form of a string.
  bool IsOfOperatorNew(const HeapBlock& block) {
    if (block.pool != 0 || block.stack >= contents_.stacks.size()) return false;
    const HeapStack& stack = contents_.stacks[block.stack];
    if (stack.depth == 0) return false;
    const uint64_t call = contents_.frames[stack.first] - 1;
    const auto [place, fresh] = is_operator_new_.try_emplace(call);
    if (fresh) {
      Dl_info found = {};
      place->second = ::dladdr(reinterpret_cast<const void*>(call), &found) != 0 &&
                      found.dli_sname != nullptr && std::strcmp(found.dli_sname, "_Znwm") == 0;
    }
    return place->second;
  }

  // Whether the first zero byte is at the end of a text of that length.
  bool HoldsText(uint64_t address, uint64_t length) {
    // The text mostly lies near its owner, and was read with it.
    const uint64_t at = address - span_start_;
    if (at < span_bytes_ && length < span_bytes_ - at) {
      const char* const text = reinterpret_cast<const char*>(span_.data()) + at;
      return std::memchr(text, 0, length + 1) == text + length;
    }
    char end = 1;
    return memory_.Read(address + length, &end, 1) && end == 0 &&
           memory_.EachPiece(address, length, limits_.array_bytes,
                             [](const uint64_t* text, uint64_t bytes) {
                               return std::memchr(text, 0, bytes) == nullptr;
                             });
  }

  // False if the array was searched before for another owner: each is searched once.
  bool IsToBeTried(uint32_t block) {
    if (tried_[block] || IsSpent()) return false;
    tried_[block] = true;
    return true;
  }

  // Whether every word of these bytes is null or points into a block or a loaded module, and at
  // least two are not null.
  bool HoldsPointers(uint32_t block, uint64_t bytes) {
    if (!IsToBeTried(block)) return false;
    uint64_t pointers = 0;
    const auto are_pointers = [&](const uint64_t* words, uint64_t size) {
      for (uint64_t i = 0; i < size / kWord; ++i) {
        if (words[i] == 0) continue;
        if (IsSpent() || !(index_.Contains(words[i]) ||
                           LoadedModuleAt(contents_.modules, words[i]) != nullptr)) {
          return false;
        }
        ++pointers;
      }
      return true;
    };
    return memory_.EachPiece(blocks_[block].address, bytes, limits_.array_bytes, are_pointers) &&
           pointers >= 2;
  }

  // A std::deque of libstdc++:
  //
  //     words:    | map | pointers in the map | start: 4 words | finish: 4 words |
  //     4 words:  | current | first | last | node |
  //
  // `first` and `last` are the bounds of the buffer, `node` its place in the map.
  bool VisitDeque(uint32_t map, const uint64_t* words) {
    struct Iterator {
      uint64_t current, first, last, node;
    };
    Iterator start;
    Iterator finish;
    std::memcpy(&start, words + 2, sizeof(start));
    std::memcpy(&finish, words + 6, sizeof(finish));
    const uint64_t begin = words[0];
    const uint64_t end = begin + words[1] * kWord;
    const uint64_t bytes = start.last - start.first;
    if (start.node < begin || start.node > finish.node || finish.node >= end ||
        (start.node | finish.node) % kWord != 0 || start.current - start.first >= bytes ||
        finish.current - finish.first >= bytes || finish.last - finish.first != bytes ||
        finish.node - start.node >= kMaxMapBytes || !IsToBeTried(map)) {
      return false;
    }
    std::vector<uint64_t> buffers((finish.node - start.node) / kWord + 1);
    if (!memory_.Read(start.node, buffers.data(), buffers.size() * kWord) ||
        buffers.front() != start.first || buffers.back() != finish.first) {
      return false;
    }
    for (uint64_t& buffer : buffers) {
      const uint32_t block = IsSpent() ? BlockIndex::kNone : index_.At(buffer);
      if (block == BlockIndex::kNone || SizeOf(blocks_[block]) != bytes) return false;
      buffer = block;
    }
    findings_.SetOwned(map, &deque_map_, "std::deque map");
    for (const uint64_t block : buffers) {
      findings_.SetOwned(static_cast<uint32_t>(block), &deque_buffer_, "std::deque buffer");
    }
    return true;
  }

  // A hash container of libstdc++:
  //
  //     words: | buckets | bucket count | first node | element count | maximum load | a size |
  //
  // Each node begins with a pointer to the next. The bucket of the first node points to the word
  // `first node` of the container itself.
  void VisitHash(uint32_t buckets, uint64_t address, const uint64_t* words) {
    const uint64_t elements = words[3];
    const auto load = std::bit_cast<float>(static_cast<uint32_t>(words[4]));
    if (elements == 0 || elements > blocks_.size() || !(load > 0 && load < 1e6F) ||
        SizeOf(blocks_[buckets]) > kMaxMapBytes) {
      return;
    }
    const uint32_t first = index_.At(words[2]);
    if (first == BlockIndex::kNone) return;
    // The chain is walked twice: to check it, and to name its nodes.
    if (index_.lookups() + 2 * elements > most_lookups_) {
      ++unreached_;
      return;
    }
    const uint64_t size = SizeOf(blocks_[first]);
    uint64_t next = words[2];
    for (uint64_t i = 0; i < elements; ++i) {
      const uint32_t node = index_.At(next);
      if (node == BlockIndex::kNone || SizeOf(blocks_[node]) != size ||
          blocks_[node].first_count() < 16) {
        return;
      }
      std::memcpy(&next, blocks_[node].first.data(), kWord);
    }
    if (next != 0 || !HasOne(buckets, address + 2 * kWord)) return;
    findings_.SetOwned(buckets, &hash_buckets_, "hash buckets");
    next = words[2];
    for (uint64_t i = 0; i < elements; ++i) {
      const uint32_t node = index_.At(next);
      findings_.SetOwned(node, &hash_node_, "hash node");
      std::memcpy(&next, blocks_[node].first.data(), kWord);
    }
  }

  // Whether exactly one word of the block is `wanted`.
  bool HasOne(uint32_t block, uint64_t wanted) {
    if (!IsToBeTried(block)) return false;
    int64_t found = 0;
    const auto count = [&](const uint64_t* words, uint64_t bytes) {
      found += std::count(words, words + bytes / kWord, wanted);
      return found <= 1;
    };
    return memory_.EachPiece(blocks_[block].address, SizeOf(blocks_[block]), kMaxMapBytes, count) &&
           found == 1;
  }

  HeapContents& contents_;
  const std::vector<HeapBlock>& blocks_;
  const RecognitionLimits limits_;
  const uint64_t most_lookups_;
  OwnMemory memory_;
  BlockIndex index_;
  BlockFindings findings_;
  PythonTypes python_;
  std::unordered_map<uint64_t, bool> is_operator_new_;  // by the address of the call
  std::vector<bool> tried_;                             // arrays that were searched, once each
  uint64_t largest_ = 0;                                // bytes of the largest block
  uint64_t unreached_ = 0;  // how often a limit was reached in the middle of a block
  std::vector<uint64_t> span_;
  uint64_t span_start_ = 0;
  uint64_t span_bytes_ = 0;
  uint16_t string_ = 0;
  uint16_t vector_ = 0;
  uint16_t deque_map_ = 0;
  uint16_t deque_buffer_ = 0;
  uint16_t hash_buckets_ = 0;
  uint16_t hash_node_ = 0;
  uint16_t dict_keys_ = 0;
  uint16_t list_items_ = 0;
  uint16_t bytearray_bytes_ = 0;
};

}  // namespace

uint64_t RecognizeBlocks(HeapContents* contents, const RecognitionLimits& limits) {
  contents->unexamined = 0;
  if (!contents->why_no_first_bytes.empty()) return 0;
  return Recognizer(contents, limits).Run();
}

}  // namespace alkaid::heap
