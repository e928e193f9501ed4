#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alkaid/heap/reports/block_contents_internal.h"

namespace alkaid::heap {
namespace {

constexpr uint64_t kWord = sizeof(uint64_t);
// Of each block, where owners are looked for.
constexpr uint64_t kOwnerBytes = uint64_t{64} << 10;
// Blocks that lie this near to each other are read at once: no page lies between them.
constexpr uint64_t kGap = 1024;
constexpr uint64_t kSpanBytes = uint64_t{256} << 10;
// Of an array of pointers, which is looked through from end to end or not at all.
constexpr uint64_t kMostArrayBytes = uint64_t{4} << 20;
constexpr uint64_t kMostBytes = uint64_t{256} << 20;
// Python's types, and other addresses that could have been one.
constexpr size_t kMostTypes = 32768;

class Memory {
 public:
  // How many bytes there were.
  uint64_t ReadSome(uint64_t address, void* to, uint64_t size) {
    const iovec local = {to, size};
    const iovec remote = {reinterpret_cast<void*>(address), size};
    const ssize_t got = ::process_vm_readv(self_, &local, 1, &remote, 1, 0);
    read_ += size;
    return got < 0 ? 0 : static_cast<uint64_t>(got);
  }
  bool Read(uint64_t address, void* to, uint64_t size) {
    return ReadSome(address, to, size) == size;
  }
  bool exhausted() const { return read_ >= kMostBytes; }

 private:
  const pid_t self_ = ::getpid();
  uint64_t read_ = 0;
};

// The blocks by address. A search among a million that are in order takes as long as ten of these
// look-ups, and each word that could be an owner's is one.
class BlockIndex {
 public:
  explicit BlockIndex(const std::vector<HeapBlock>& blocks)
      : blocks_(blocks),
        low_(blocks.empty() ? 0 : blocks.front().address),
        range_(blocks.empty() ? 0 : blocks.back().address - low_ + EndOf(blocks.back())),
        places_(std::bit_ceil(2 * blocks.size() + 2), kNone) {
    for (uint32_t i = 0; i < blocks.size(); ++i) places_[PlaceOf(blocks[i].address)] = i;
  }

  static constexpr uint32_t kNone = UINT32_MAX;

  // Whether it can be an address in a block at all.
  bool MayHold(uint64_t address) const { return address - low_ < range_; }
  // The block that begins there, or kNone.
  uint32_t At(uint64_t address) const { return places_[PlaceOf(address)]; }
  bool Contains(uint64_t address) const {
    if (!MayHold(address)) return false;
    if (At(address) != kNone) return true;
    const auto behind = std::upper_bound(
        blocks_.begin(), blocks_.end(), address,
        [](uint64_t wanted, const HeapBlock& block) { return wanted < block.address; });
    if (behind == blocks_.begin()) return false;
    const HeapBlock& last = *std::prev(behind);
    return address - last.address < EndOf(last);
  }

 private:
  static uint64_t EndOf(const HeapBlock& block) { return static_cast<uint64_t>(block.size); }
  // Where the block of that address is, or is to be.
  size_t PlaceOf(uint64_t address) const {
    const size_t mask = places_.size() - 1;
    size_t place = (address >> 3) * 0x9e3779b97f4a7c15 >> 20 & mask;
    while (places_[place] != kNone && blocks_[places_[place]].address != address) {
      place = (place + 1) & mask;
    }
    return place;
  }

  const std::vector<HeapBlock>& blocks_;
  const uint64_t low_;
  const uint64_t range_;
  std::vector<uint32_t> places_;  // at least half of them kNone
};

// What was found, a number for each block. A block that says itself what it is goes before one of
// which another says so.
class Findings {
 public:
  explicit Findings(HeapContents* contents)
      : contents_(*contents), found_(contents->blocks.size()) {
    contents_.categories.clear();
    contents_.recognized.clear();
  }

  // A block that a pool gave and that has a label is what the label says. It is not looked through
  // either: such blocks are data as a rule, and many bytes.
  bool IsNamed(uint32_t block) const {
    const HeapBlock& of = contents_.blocks[block];
    return of.pool != 0 && of.label != 0;
  }
  bool IsKnown(uint32_t block) const { return found_[block] != 0 || IsNamed(block); }
  // For a category that is named once; 0 where there are too many.
  uint16_t Add(std::string name) {
    if (contents_.categories.size() >= UINT16_MAX) return 0;
    contents_.categories.push_back(std::move(name));
    return static_cast<uint16_t>(contents_.categories.size());
  }
  void Set(uint32_t block, uint16_t category) {
    if (!IsNamed(block)) found_[block] = category;
  }
  void SetOwned(uint32_t block, uint16_t* category, const char* name) {
    if (IsKnown(block)) return;
    if (*category == 0) *category = Add(name);
    found_[block] = *category;
  }
  void Finish() {
    size_t count = 0;
    for (const uint16_t category : found_) count += category != 0 ? 1 : 0;
    contents_.recognized.reserve(count);
    for (size_t i = 0; i < found_.size(); ++i) {
      if (found_[i] == 0) continue;
      contents_.recognized.push_back({static_cast<uint32_t>(i), uint32_t{found_[i]} - 1});
    }
  }

 private:
  HeapContents& contents_;
  std::vector<uint16_t> found_;  // 1 + index in the categories
};

// Python's types, as CPython 3.8 and later lay them out on 64 bits, with its global lock.
class PythonTypes {
 public:
  struct Type {
    uint16_t category = 0;  // 0: no type
    uint64_t flags = 0;
    uint64_t size = 0;  // bytes of an object
    bool is_bytearray = false;
  };
  enum Flags : uint64_t {
    kManagedWeakref = uint64_t{1} << 3,
    kManagedDict = uint64_t{1} << 4,
    kReady = uint64_t{1} << 12,
    kHasGc = uint64_t{1} << 14,
    kIsList = uint64_t{1} << 25,
    kIsStr = uint64_t{1} << 28,
    kIsDict = uint64_t{1} << 29,
    kIsType = uint64_t{1} << 31,
  };

  PythonTypes(const HeapContents& contents, const BlockIndex& index, Memory* memory,
              Findings* findings)
      : modules_(contents.modules),
        blocks_(contents.blocks),
        index_(index),
        memory_(*memory),
        findings_(*findings) {}

  // Null where no type lies there. Types that lie in blocks are known once one was met that does not:
  // a program without Python does not look for them.
  const Type* At(uint64_t address) {
    if (address % kWord != 0 || !(InModule(address) || (root_ != 0 && InBlock(address)))) {
      return nullptr;
    }
    const auto known = types_.find(address);
    if (known != types_.end()) return known->second.category == 0 ? nullptr : &known->second;
    if (types_.size() >= kMostTypes || memory_.exhausted()) return nullptr;
    Type& type = types_[address];
    Object object;
    std::string name;
    if (Load(address, &object) && IsTypesType(object.type, 0) && (object.flags & kReady) != 0 &&
        ReadName(object.name, &name)) {
      const bool is_bytearray = name == "bytearray";
      type = {findings_.Add("Python " + name), object.flags, object.basic_size, is_bytearray};
    }
    return type.category == 0 ? nullptr : &type;
  }

  bool is_met() const { return root_ != 0; }

  // Where the object begins in a block of its own.
  static uint64_t OffsetOf(uint64_t flags) {
    if ((flags & kHasGc) == 0) return 0;
    return (flags & (kManagedDict | kManagedWeakref)) != 0 ? 32 : 16;
  }

 private:
  // The part of a PyTypeObject that is asked for.
  struct Object {
    uint64_t references;
    uint64_t type;
    uint64_t items;
    uint64_t name;
    uint64_t basic_size;
    uint64_t item_size;
    std::array<uint64_t, 15> functions;
    uint64_t flags;
    std::array<uint64_t, 10> others;
    uint64_t base;
  };
  static_assert(offsetof(Object, flags) == 168 && offsetof(Object, base) == 256);

  bool InModule(uint64_t address) const {
    const auto behind = std::upper_bound(
        modules_.begin(), modules_.end(), address,
        [](uint64_t wanted, const HeapModule& module) { return wanted < module.start; });
    return behind != modules_.begin() && address < std::prev(behind)->end;
  }
  // As a type that a program has made lies after the words of the collector.
  bool InBlock(uint64_t address) const {
    if (!index_.MayHold(address)) return false;
    const uint32_t block = index_.At(address - 16);
    return block != BlockIndex::kNone &&
           static_cast<uint64_t>(blocks_[block].size) >= 16 + sizeof(Object);
  }
  bool Load(uint64_t address, Object* object) {
    return memory_.Read(address, object, sizeof(*object)) &&
           static_cast<uint32_t>(object->references) != 0 && object->basic_size >= 16 &&
           object->basic_size < (uint64_t{1} << 32) && object->item_size < (uint64_t{1} << 32);
  }
  // Whether a type is `type`, or derived from it: its type's type, and so on, is `type` in the end,
  // which is its own.
  bool IsTypesType(uint64_t address, int depth) {
    constexpr int kMostDepth = 4;
    if (address == root_ && address != 0) return true;
    Object object;
    if (address % kWord != 0 || (!InModule(address) && !InBlock(address)) ||
        !Load(address, &object) || (object.flags & kIsType) == 0) {
      return false;
    }
    if (object.type != address) return depth < kMostDepth && IsTypesType(object.type, depth + 1);
    Object base;
    std::string name;
    std::string base_name;
    if (!InModule(address) || !InModule(object.base) || !ReadName(object.name, &name) ||
        name != "type" || !Load(object.base, &base) || base.type != address || base.base != 0 ||
        !ReadName(base.name, &base_name) || base_name != "object") {
      return false;
    }
    root_ = address;
    return true;
  }
  // A C string on one line.
  bool ReadName(uint64_t address, std::string* name) {
    constexpr uint64_t kMost = 128;
    constexpr uint64_t kPage = 4096;
    std::array<char, kMost> text;
    const uint64_t first = std::min(kMost, kPage - address % kPage);
    uint64_t got = memory_.ReadSome(address, text.data(), first);
    if (got == first && got < kMost && std::memchr(text.data(), 0, got) == nullptr) {
      got += memory_.ReadSome(address + got, text.data() + got, kMost - got);
    }
    const size_t length = ::strnlen(text.data(), got);
    if (length == 0 || length == got) return false;
    name->assign(text.data(), length);
    return std::ranges::none_of(
        *name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
  }

  const std::vector<HeapModule>& modules_;
  const std::vector<HeapBlock>& blocks_;
  const BlockIndex& index_;
  Memory& memory_;
  Findings& findings_;
  std::unordered_map<uint64_t, Type> types_;
  uint64_t root_ = 0;  // PyType_Type, once it was met
};

class Recognizer {
 public:
  explicit Recognizer(HeapContents* contents)
      : blocks_(contents->blocks),
        index_(blocks_),
        findings_(contents),
        python_(*contents, index_, &memory_, &findings_),
        tried_(blocks_.size()),
        steps_left_(4 * blocks_.size()) {}

  void Run() {
    span_.resize(kSpanBytes / kWord + 2);
    piece_.resize(kOwnerBytes / kWord);
    MeetPython();
    for (uint32_t i = 0; i < blocks_.size() && !memory_.exhausted();) i = ReadSpan(i);
    findings_.Finish();
  }

 private:
  static uint64_t SizeOf(const HeapBlock& block) { return static_cast<uint64_t>(block.size); }
  // The type of the first object that has one in a module.
  void MeetPython() {
    for (uint32_t i = 0; i < blocks_.size() && !python_.is_met() && !memory_.exhausted(); ++i) {
      std::array<uint64_t, 2> words;
      static_assert(sizeof(words) == kFirstBytes);
      std::memcpy(words.data(), blocks_[i].first.data(), sizeof(words));
      if (blocks_[i].first_count() == kFirstBytes) python_.At(words[1]);
    }
  }

  static uint64_t OwnerBytes(const HeapBlock& block) {
    return std::min(SizeOf(block), kOwnerBytes);
  }

  // Reads blocks that lie near each other, from `first` on. Returns the first that it has not read.
  uint32_t ReadSpan(uint32_t first) {
    if (findings_.IsNamed(first)) return first + 1;
    const uint64_t start = blocks_[first].address & ~(kWord - 1);
    uint64_t end = blocks_[first].address + OwnerBytes(blocks_[first]);
    uint32_t behind = first + 1;
    for (; behind < blocks_.size() && !findings_.IsNamed(behind); ++behind) {
      const HeapBlock& block = blocks_[behind];
      const uint64_t block_end = block.address + OwnerBytes(block);
      if (block.address > end + kGap || block_end > start + kSpanBytes) break;
      end = std::max(end, block_end);
    }
    const uint64_t got = memory_.ReadSome(start, span_.data(), end - start);
    span_start_ = start;
    span_bytes_ = got;
    for (uint32_t i = first; i < behind; ++i) {
      const HeapBlock& block = blocks_[i];
      const uint64_t offset = block.address - start;
      // One that is gone meanwhile is left out; those that follow it are read anew.
      if (offset + OwnerBytes(block) > got) return i + 1;
      if (offset % kWord == 0) Visit(i, &span_[offset / kWord], OwnerBytes(block) / kWord);
    }
    return behind;
  }

  void Visit(uint32_t block, const uint64_t* words, uint64_t count) {
    VisitObject(block, words, count);
    for (uint64_t i = 0; i + 2 < count; ++i) {
      if (words[i] % kWord == 0 && index_.MayHold(words[i])) {
        VisitPointer(blocks_[block].address + i * kWord, words + i, count - i);
      }
    }
  }

  void VisitObject(uint32_t block, const uint64_t* words, uint64_t count) {
    for (uint64_t offset = 0; offset <= 4 && offset + 2 <= count; offset += 2) {
      const uint64_t* const object = words + offset;
      const PythonTypes::Type* const type = python_.At(object[1]);
      if (type == nullptr || PythonTypes::OffsetOf(type->flags) != offset * kWord ||
          static_cast<uint32_t>(object[0]) == 0) {
        continue;
      }
      // The shortest texts are kept in less than an object of their type has.
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

  // `words` are those at `address`, the first of them a pointer that may lead to a block.
  void VisitPointer(uint64_t address, const uint64_t* words, uint64_t count) {
    const uint64_t begin = words[0];
    const uint64_t second = words[1];
    const uint64_t third = words[2];
    constexpr uint64_t kMostBlock = uint64_t{1} << 47;
    // What fits no rule is not looked up.
    const bool string = count >= 4 && second <= third && third >= 16 && third < kMostBlock;
    const bool vector = begin < second && second <= third && (second | third) % kWord == 0;
    const bool array = second >= 2 && second < kMostBlock / kWord && count >= 7;
    if (!string && !vector && !array) return;
    const uint32_t block = index_.At(begin);
    if (block == BlockIndex::kNone || findings_.IsKnown(block)) return;
    const uint64_t size = SizeOf(blocks_[block]);
    if (string && size == third + 1) {
      if (IsZero(begin + second)) {
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

  // A text mostly lies near its owner, and was read with it.
  bool IsZero(uint64_t address) {
    char byte = 1;
    if (address - span_start_ < span_bytes_) {
      byte = reinterpret_cast<const char*>(span_.data())[address - span_start_];
    } else if (!memory_.Read(address, &byte, 1)) {
      return false;
    }
    return byte == 0;
  }

  // Whether every word of these bytes is null or leads into a block, and at least one does.
  bool HoldsPointers(uint32_t block, uint64_t bytes) {
    if (tried_[block] || bytes > kMostArrayBytes || memory_.exhausted()) return false;
    tried_[block] = true;
    bool any = false;
    for (uint64_t at = 0; at < bytes;) {
      const uint64_t size = std::min(bytes - at, piece_.size() * kWord);
      if (!memory_.Read(blocks_[block].address + at, piece_.data(), size)) return false;
      for (uint64_t i = 0; i < size / kWord; ++i) {
        if (piece_[i] == 0) continue;
        if (!index_.Contains(piece_[i])) return false;
        any = true;
      }
      at += size;
    }
    return any;
  }

  // A std::deque of libstdc++: the map and how many pointers it has, then for the first element and
  // for the end its place, the buffer around it, and where the map has that buffer.
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
        finish.node - start.node >= kMostArrayBytes || tried_[map] || memory_.exhausted()) {
      return false;
    }
    tried_[map] = true;
    std::vector<uint64_t> buffers((finish.node - start.node) / kWord + 1);
    if (!memory_.Read(start.node, buffers.data(), buffers.size() * kWord) ||
        buffers.front() != start.first || buffers.back() != finish.first) {
      return false;
    }
    const bool all = std::ranges::all_of(buffers, [&](uint64_t buffer) {
      const uint32_t block = index_.At(buffer);
      return block != BlockIndex::kNone && SizeOf(blocks_[block]) == bytes;
    });
    if (!all) return false;
    findings_.SetOwned(map, &deque_map_, "std::deque map");
    for (const uint64_t buffer : buffers) {
      findings_.SetOwned(index_.At(buffer), &deque_buffer_, "std::deque buffer");
    }
    return true;
  }

  // A hash container of libstdc++: buckets and how many, the first node, how many elements, the
  // greatest load, a size. Each node begins with the next one's address, and the bucket of the first
  // node leads to the word before it.
  void VisitHash(uint32_t buckets, uint64_t address, const uint64_t* words) {
    const uint64_t elements = words[3];
    const auto load = std::bit_cast<float>(static_cast<uint32_t>(words[4]));
    if (elements == 0 || elements > blocks_.size() || elements > steps_left_ ||
        !(load > 0 && load < 1e6F) || SizeOf(blocks_[buckets]) > kMostArrayBytes) {
      return;
    }
    const uint32_t first = index_.At(words[2]);
    if (first == BlockIndex::kNone) return;
    const uint64_t size = SizeOf(blocks_[first]);
    uint64_t next = words[2];
    for (uint64_t i = 0; i < elements; ++i, --steps_left_) {
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

  // Whether one word of a block, and no other, is `wanted`.
  bool HasOne(uint32_t block, uint64_t wanted) {
    if (tried_[block] || memory_.exhausted()) return false;
    tried_[block] = true;
    uint64_t found = 0;
    const uint64_t bytes = SizeOf(blocks_[block]);
    for (uint64_t at = 0; at < bytes;) {
      const uint64_t size = std::min(bytes - at, piece_.size() * kWord);
      if (!memory_.Read(blocks_[block].address + at, piece_.data(), size)) return false;
      for (uint64_t i = 0; i < size / kWord; ++i) found += piece_[i] == wanted ? 1 : 0;
      at += size;
    }
    return found == 1;
  }

  const std::vector<HeapBlock>& blocks_;
  Memory memory_;
  const BlockIndex index_;
  Findings findings_;
  PythonTypes python_;
  std::vector<bool> tried_;  // arrays that were looked through: once each
  uint64_t steps_left_;      // along chains of nodes
  std::vector<uint64_t> span_;
  uint64_t span_start_ = 0;
  uint64_t span_bytes_ = 0;
  std::vector<uint64_t> piece_;
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

void RecognizeBlocks(HeapContents* contents) {
  if (!contents->why_no_first_bytes.empty()) return;
  Recognizer(contents).Run();
}

}  // namespace alkaid::heap
