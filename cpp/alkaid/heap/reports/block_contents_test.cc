#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/heap/reports/block_contents_internal.h"

namespace alkaid::heap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

uint64_t AddressOf(const void* bytes) { return reinterpret_cast<uint64_t>(bytes); }

// Blocks that the test says are live, and what they are taken for.
class BlockContents : public ::testing::Test {
 protected:
  // A block with these words in it.
  uint64_t Words(const std::vector<uint64_t>& words) {
    auto& block = words_.emplace_back(std::make_unique<std::vector<uint64_t>>(words));
    return Add(block->data(), words.size() * sizeof(uint64_t));
  }
  uint64_t Add(const void* bytes, size_t size) {
    HeapBlock block;
    block.address = AddressOf(bytes);
    block.size = block.weight = static_cast<int64_t>(size);
    const size_t known = std::min<size_t>(size, kFirstBytes);
    if (known > 0) std::memcpy(block.first.data(), bytes, known);
    block.flags = kHasFirstBytes;
    contents_.blocks.push_back(block);
    return block.address;
  }
  // By address.
  std::map<uint64_t, std::string> Found() {
    std::sort(contents_.blocks.begin(), contents_.blocks.end(),
              [](const HeapBlock& a, const HeapBlock& b) { return a.address < b.address; });
    RecognizeBlocks(&contents_);
    std::map<uint64_t, std::string> found;
    for (const HeapRecognized& each : contents_.recognized) {
      found[contents_.blocks[each.block].address] = contents_.categories[each.category];
    }
    EXPECT_EQ(found.size(), contents_.recognized.size());
    return found;
  }

  HeapContents contents_;
  std::vector<std::unique_ptr<std::vector<uint64_t>>> words_;
};

TEST_F(BlockContents, AStringIsKnownByItsOwner) {
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  Words({1, 2, buffer, text.size(), text.capacity(), 0});
  EXPECT_THAT(Found(), ElementsAre(Pair(buffer, "std::string")));
}

TEST_F(BlockContents, WhatHasAnotherSizeOrNoZeroAtItsEndIsNoString) {
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  const std::vector<uint64_t> owners[] = {
      {buffer, text.size(), text.capacity() + 1, 0},
      {buffer, text.size(), text.capacity() - 1, 0},
      {buffer, text.size() - 1, text.capacity(), 0},
      {buffer, text.capacity() + 1, text.capacity(), 0},
      {buffer + 1, text.size(), text.capacity(), 0},
      {buffer, text.size(), text.capacity()},  // an object is four words long
      {buffer, text.size()},
  };
  for (const auto& owner : owners) Words(owner);
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(BlockContents, AnArrayOfPointersIsKnownByItsOwner) {
  const uint64_t first = Words({1, 2, 3});
  const uint64_t second = Words({4, 5, 6});
  // Nulls and places inside a block among them.
  const uint64_t array = Words({first, 0, second + 16, first, 99, 99});
  Words({array, array + 32, array + 48});  // three words, at the end of its block
  EXPECT_THAT(Found(), ElementsAre(Pair(array, "vector of pointers")));
}

TEST_F(BlockContents, OneNumberAmongPointersOrNoPointerAtAllIsNoArrayOfPointers) {
  const uint64_t target = Words({1, 2, 3});
  const uint64_t number = Words({target, 17, target});
  const uint64_t behind = Words({target, target + 24, target});
  const uint64_t nulls = Words({0, 0, 0});
  const uint64_t pointers = Words({target, target, target});
  for (const uint64_t array : {number, behind, nulls}) Words({array, array + 24, array + 24, 0});
  // Another end than the block has, and one that is no whole number of pointers.
  Words({pointers, pointers + 24, pointers + 32, 0});
  Words({pointers, pointers + 20, pointers + 24, 0});
  Words({pointers, pointers, pointers + 24, 0});
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(BlockContents, AHashContainerIsKnownByItsChainAndItsBuckets) {
  const uint64_t last = Words({0, 7});
  const uint64_t middle = Words({last, 8});
  const uint64_t first = Words({middle, 9});
  const uint64_t buckets = Words({middle, 0, 0});
  // 1.0 as a float.
  const uint64_t owner = Words({5, buckets, 3, first, 3, 0x3f800000, 3, 0});
  // The bucket of the first node leads to the word in front of it.
  (*words_[3])[1] = owner + 24;
  const std::map<uint64_t, std::string> expected = {
      {last, "hash node"}, {middle, "hash node"}, {first, "hash node"}, {buckets, "hash buckets"}};
  EXPECT_EQ(Found(), expected);
  (*words_[3])[1] = 0;
  EXPECT_THAT(Found(), IsEmpty());
  (*words_[3])[1] = owner + 24;
  for (const uint64_t counted : {2, 4}) {
    (*words_[4])[4] = counted;
    EXPECT_THAT(Found(), IsEmpty());
  }
}

TEST_F(BlockContents, AChainThatIsARingEnds) {
  const uint64_t node = Words({0, 7});
  (*words_[0])[0] = node;
  std::memcpy(contents_.blocks[0].first.data(), &node, sizeof(node));
  const uint64_t buckets = Words({node, 0, 0});
  for (int i = 0; i < 100; ++i) Words({buckets, 3, node, 5, 0x3f800000, 3, 0});
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(BlockContents, ABlockOfAPoolIsWhatItsLabelSays) {
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  contents_.blocks.back().pool = 1;
  Words({buffer, text.size(), text.capacity(), 0});
  EXPECT_THAT(Found(), ElementsAre(Pair(buffer, "std::string")));
  for (HeapBlock& block : contents_.blocks) {
    if (block.address == buffer) block.label = 1;
  }
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(BlockContents, WhatIsGoneMeanwhileIsLeftOutAndTheRestIsRead) {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  auto* const pages = static_cast<char*>(
      ::mmap(nullptr, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(static_cast<void*>(pages), MAP_FAILED);
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  const uint64_t owner[4] = {buffer, text.size(), text.capacity(), 0};
  for (const size_t at : {page - 96, page + 64, 2 * page + 64}) {
    std::memcpy(pages + at, owner, sizeof(owner));
    Add(pages + at, sizeof(owner));
  }
  ASSERT_EQ(::munmap(pages, 2 * page), 0);
  EXPECT_THAT(Found(), ElementsAre(Pair(buffer, "std::string")));
  ::munmap(pages + 2 * page, page);
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(BlockContents, WhereTheKernelGivesNoBytesNothingIsLookedFor) {
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  Words({buffer, text.size(), text.capacity(), 0});
  contents_.why_no_first_bytes = "process_vm_readv: Operation not permitted";
  EXPECT_THAT(Found(), IsEmpty());
}

// A Python as far as its types go: `object` and `type` in a module's data, and others.
class PythonContents : public BlockContents {
 protected:
  static constexpr uint64_t kReady = 1 << 12;
  static constexpr uint64_t kHasGc = 1 << 14;
  static constexpr uint64_t kManagedDict = 1 << 4;
  static constexpr uint64_t kList = 1 << 25;
  static constexpr uint64_t kStr = 1 << 28;
  static constexpr uint64_t kDict = 1 << 29;
  static constexpr uint64_t kType = uint64_t{1} << 31;

  struct Type {
    uint64_t words[50] = {};
  };

  PythonContents() {
    Make(&object_, &type_, "object", 16, 0);
    Make(&type_, &type_, "type", 900, kType | kHasGc);
    type_.words[32] = AddressOf(&object_);
    Make(&int_, &type_, "int", 24, 0);
    Make(&str_, &type_, "str", 80, kStr);
    Make(&list_, &type_, "list", 40, kList | kHasGc);
    Make(&dict_, &type_, "dict", 48, kDict | kHasGc);
    Make(&point_, &type_, "Point", 16, kHasGc | kManagedDict);
    Make(&bytearray_, &type_, "bytearray", 56, 0);
    HeapModule module;
    module.start = AddressOf(this);
    module.end = AddressOf(this + 1);
    contents_.modules = {module};
  }

  static void Make(Type* type, const Type* of, const char* name, uint64_t size, uint64_t flags) {
    type->words[0] = 1;
    type->words[1] = AddressOf(of);
    type->words[3] = AddressOf(name);
    type->words[4] = size;
    type->words[21] = flags | kReady;
  }

  Type object_, type_, int_, str_, list_, dict_, point_, bytearray_, other_;
};

TEST_F(PythonContents, AnObjectIsKnownByItsTypeAndBeginsWhereTheTypeSays) {
  const uint64_t number = Words({1, AddressOf(&int_), 17});
  const uint64_t text = Words({1, AddressOf(&str_), 1, 2, 3, 0});
  const uint64_t keys = Words({1, 2, 3, 4});
  const uint64_t dict = Words({0, 0, 1, AddressOf(&dict_), 1, 2, keys, 0});
  const uint64_t items = Words({number, text, 0, 0});
  const uint64_t list = Words({0, 0, 1, AddressOf(&list_), 2, items, 4});
  const uint64_t point = Words({0, 0, 0, 0, 1, AddressOf(&point_)});
  const uint64_t bytes = Words({1, 2, 3});
  const uint64_t bytearray = Words({1, AddressOf(&bytearray_), 17, 24, bytes, bytes, 0});
  EXPECT_THAT(Found(), UnorderedElementsAre(
                           Pair(number, "Python int"), Pair(text, "Python str"),
                           Pair(keys, "Python dict keys"), Pair(dict, "Python dict"),
                           Pair(items, "Python list items"), Pair(list, "Python list"),
                           Pair(point, "Python Point"), Pair(bytes, "Python bytearray bytes"),
                           Pair(bytearray, "Python bytearray")));
}

TEST_F(PythonContents, ATypeThatTheProgramMadeMayLieInABlock) {
  auto made = std::make_unique<Type[]>(3);
  Type* const type = reinterpret_cast<Type*>(made[0].words + 2);
  Make(type, &type_, "Made", 24, 0);
  const uint64_t block = Add(made.get(), 3 * sizeof(Type));
  const uint64_t object = Words({1, AddressOf(type), 0});
  // Without an object of a type that a module has, there seems to be no Python.
  const uint64_t number = Words({1, AddressOf(&int_), 17});
  EXPECT_THAT(Found(), UnorderedElementsAre(Pair(block, "Python type"), Pair(object, "Python Made"),
                                            Pair(number, "Python int")));
}

TEST_F(PythonContents, WhatOnlyLooksLikeAnObjectIsNone) {
  Words({0, AddressOf(&int_), 17});              // no references
  Words({1, AddressOf(&int_)});                  // too small
  Words({0, 0, 1, AddressOf(&int_), 17});        // not where such an object begins
  Words({1, AddressOf(&list_), 0, 0, 0, 0, 0});  // nor this one
  Words({0, 0, 1, AddressOf(&point_), 0, 0, 0});
  Words({1, AddressOf(&int_) + 8, 17});  // no type there
  Words({1, AddressOf(&other_), 17});
  const uint64_t keys = Words({1, 2, 3, 4});
  const uint64_t items = Words({0, 0, 0});
  Words({0, 0, 1, AddressOf(&int_), 2, items, 4, keys});
  Words({1, AddressOf(&int_) + 8, 17, 24, items, items, 0});
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(PythonContents, ATypeWhoseTypesDoNotEndInTypeIsNone) {
  Words({1, AddressOf(&int_), 17});
  EXPECT_EQ(Found().size(), 1u);
  const std::vector<std::function<void()>> spoils = {
      [this] { type_.words[3] = AddressOf("typo"); },
      [this] { type_.words[21] = kReady; },
      [this] { type_.words[32] = 0; },
      [this] { object_.words[3] = AddressOf("subject"); },
      [this] { object_.words[32] = AddressOf(&type_); },
      [this] { int_.words[21] = 0; },
      [this] { int_.words[3] = 8; },
      [this] { int_.words[3] = AddressOf("a\nline"); },
      [this] { int_.words[3] = AddressOf(""); },
      [this] { int_.words[4] = 8; },
      [this] { int_.words[1] = AddressOf(&int_); },
      [this] {  // two types that are each other's
        Make(&other_, &int_, "other", 900, kType);
        int_.words[1] = AddressOf(&other_);
        int_.words[21] |= kType;
      },
      [this] { contents_.modules.clear(); },
  };
  for (size_t i = 0; i < spoils.size(); ++i) {
    const Type types[] = {object_, type_, int_, other_};
    const std::vector<HeapModule> modules = contents_.modules;
    spoils[i]();
    EXPECT_THAT(Found(), IsEmpty()) << i;
    object_ = types[0];
    type_ = types[1];
    int_ = types[2];
    other_ = types[3];
    contents_.modules = modules;
  }
  EXPECT_EQ(Found().size(), 1u);
}

TEST_F(BlockContents, OfNoBlocksAreNone) { EXPECT_THAT(Found(), IsEmpty()); }

}  // namespace
}  // namespace alkaid::heap
