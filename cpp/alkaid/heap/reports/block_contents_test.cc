#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
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

// Live blocks of the test's choice, and what they are recognized as.
class BlockContents : public ::testing::Test {
 protected:
  // Adds a block that holds these words.
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
    block.stack = 1;
    contents_.blocks.push_back(block);
    return block.address;
  }
  // The names of the recognized blocks, by address.
  std::map<uint64_t, std::string> Found() {
    std::sort(contents_.blocks.begin(), contents_.blocks.end(),
              [](const HeapBlock& a, const HeapBlock& b) { return a.address < b.address; });
    lookups_ = RecognizeBlocks(&contents_, limits_);
    std::map<uint64_t, std::string> found;
    for (const HeapRecognized& each : contents_.recognized) {
      found[contents_.blocks[each.block].address] = contents_.categories[each.category];
    }
    EXPECT_EQ(found.size(), contents_.recognized.size());
    return found;
  }

  static uint64_t CallInOperatorNew() { return AddressOf(::dlsym(RTLD_DEFAULT, "_Znwm")) + 1; }

  HeapContents contents_ = [] {
    HeapContents contents;
    contents.stacks = {{}, {.first = 0, .depth = 1}, {.first = 1, .depth = 1}};
    contents.frames = {CallInOperatorNew(), AddressOf(::dlsym(RTLD_DEFAULT, "atexit")) + 1};
    return contents;
  }();
  RecognitionLimits limits_;
  uint64_t lookups_ = 0;
  std::vector<std::unique_ptr<std::vector<uint64_t>>> words_;
};

TEST_F(BlockContents, AStringIsKnownByItsOwner) {
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  Words({1, 2, buffer, text.size(), text.capacity(), 0});
  EXPECT_THAT(Found(), ElementsAre(Pair(buffer, "std::string")));
}

// A C struct of a text, its length and its capacity has the same form as a string.
TEST_F(BlockContents, WhatIsNotOfOperatorNewIsNoString) {
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  contents_.blocks.back().stack = 2;  // allocated by another function
  Words({buffer, text.size(), text.capacity(), 0});
  EXPECT_THAT(Found(), IsEmpty());
  for (HeapBlock& each : contents_.blocks) each.stack = 0;  // by an unknown function
  EXPECT_THAT(Found(), IsEmpty());
  for (HeapBlock& each : contents_.blocks) each.stack = 1;
  EXPECT_THAT(Found(), ElementsAre(Pair(buffer, "std::string")));
  for (HeapBlock& each : contents_.blocks) each.pool = 1;
  EXPECT_THAT(Found(), IsEmpty());
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

// For example a ring of bytes, or the owner of memory that was never written: its first word points
// to the block, and the third is the block's last index.
TEST_F(BlockContents, WhatHasNoTextOfTheLengthIsNoString) {
  const std::vector<std::string> texts = {std::string(64, '\0'), "abcde" + std::string(59, '\0'),
                                          std::string("abc\0de\0", 7) + std::string(57, 'x'),
                                          std::string(1000, 'x') + std::string(100'000, '\0')};
  for (const std::string& text : texts) {
    const uint64_t ring = Add(text.data(), text.size());
    for (const uint64_t tail : {uint64_t{0}, uint64_t{6}, text.size() - 1}) {
      Words({ring, tail, text.size() - 1, tail, 0});
    }
  }
  EXPECT_THAT(Found(), IsEmpty());
  const uint64_t text = AddressOf(texts[1].data());
  Words({text, 5, 63, 0, 0});
  EXPECT_THAT(Found(), ElementsAre(Pair(text, "std::string")));
}

TEST_F(BlockContents, ATextMayBeLongerThanWhatIsReadOfIt) {
  std::string text(1'000'000, 'x');
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  Words({buffer, text.size(), text.capacity(), 0});
  EXPECT_THAT(Found(), ElementsAre(Pair(buffer, "std::string")));
  for (const size_t zero : {size_t{0}, size_t{100}, text.size() - 1}) {
    text[zero] = 0;
    EXPECT_THAT(Found(), IsEmpty()) << zero;
    text[zero] = 'x';
  }
}

TEST_F(BlockContents, AnArrayOfPointersIsKnownByItsOwner) {
  const uint64_t first = Words({1, 2, 3});
  const uint64_t second = Words({4, 5, 6});
  // Nulls and pointers into the middle of a block are among the words.
  const uint64_t array = Words({first, 0, second + 16, first, 99, 99});
  Words({array, array + 32, array + 48});  // three words, at the end of its block
  EXPECT_THAT(Found(), ElementsAre(Pair(array, "vector of pointers")));
}

TEST_F(BlockContents, OneNumberAmongPointersOrOnePointerAtMostIsNoArrayOfPointers) {
  const uint64_t target = Words({1, 2, 3});
  const uint64_t number = Words({target, 17, target});
  const uint64_t behind = Words({target, target + 24, target});
  const uint64_t nulls = Words({0, 0, 0});
  const uint64_t pointers = Words({target, target, target});
  const uint64_t one_pointer = Words({0, target, 0});
  for (const uint64_t array : {number, behind, nulls, one_pointer}) {
    Words({array, array + 24, array + 24, 0});
  }
  // An end that is not the block's, and an end that gives no whole number of pointers.
  Words({pointers, pointers + 24, pointers + 32, 0});
  Words({pointers, pointers + 20, pointers + 24, 0});
  Words({pointers, pointers, pointers + 24, 0});
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(BlockContents, APointerMayLeadToWhatIsLoaded) {
  const uint64_t target = Words({1, 2, 3});
  const uint64_t array = Words({target, 0x500010, 0x500020, 0});
  Words({array, array + 32, array + 32, 0});
  EXPECT_THAT(Found(), IsEmpty());
  HeapModule module;
  module.start = 0x500000;
  module.end = 0x500020;
  contents_.modules = {module};
  EXPECT_THAT(Found(), IsEmpty());
  contents_.modules[0].end = 0x500021;
  EXPECT_THAT(Found(), ElementsAre(Pair(array, "vector of pointers")));
}

TEST_F(BlockContents, AHashContainerIsKnownByItsChainAndItsBuckets) {
  const uint64_t last = Words({0, 7});
  const uint64_t middle = Words({last, 8});
  const uint64_t first = Words({middle, 9});
  const uint64_t buckets = Words({middle, 0, 0});
  // 1.0 as a float.
  const uint64_t owner = Words({5, buckets, 3, first, 3, 0x3f800000, 3, 0});
  // The bucket of the first node points to the owner's word that points to that node.
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
  const uint64_t target = Words({1, 2, 3});
  const uint64_t pointers = Words({target, target});
  contents_.blocks.back().pool = 1;
  Words({pointers, pointers + 16, pointers + 16});
  EXPECT_THAT(Found(), ElementsAre(Pair(pointers, "vector of pointers")));
  for (HeapBlock& block : contents_.blocks) {
    if (block.address == pointers) block.label = 1;
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

// Counts lookups instead of time.
TEST_F(BlockContents, OfALongArrayNoMoreWordsAreLookedUpThanTheLimitSays) {
  constexpr uint64_t kWords = 500'000;
  const uint64_t target = Words({1, 2, 3});
  const uint64_t array = Words(std::vector<uint64_t>(kWords, target + 8));
  Words({array, array + 8 * kWords, array + 8 * kWords, 0});
  EXPECT_THAT(Found(), ElementsAre(Pair(array, "vector of pointers")));
  const uint64_t most = RecognitionLimits().array_bytes / 8;
  EXPECT_EQ(most, 16'384u);
  EXPECT_GE(lookups_, most);
  EXPECT_LE(lookups_, most + 10);
  // A number at the start or at the end, where a piece is read.
  for (const uint64_t at : {uint64_t{0}, kWords - 1}) {
    (*words_[1])[at] = 17;
    EXPECT_THAT(Found(), IsEmpty()) << at;
    (*words_[1])[at] = target;
  }
  EXPECT_EQ(contents_.unexamined, 0u);
}

TEST_F(BlockContents, AtTheLimitOfLookUpsItEndsAndCountsWhatItLeftOut) {
  constexpr uint64_t kArrays = 100;
  constexpr uint64_t kWords = 50;
  const uint64_t target = Words({1, 2, 3});
  for (uint64_t i = 0; i < kArrays; ++i) {
    const uint64_t array = Words(std::vector<uint64_t>(kWords, target));
    Words({array, array + 8 * kWords, array + 8 * kWords, 0});
  }
  EXPECT_EQ(Found().size(), kArrays);
  const uint64_t all = lookups_;
  EXPECT_GE(all, kArrays * kWords);
  limits_.lookups = all / 2;
  limits_.lookups_of_block = 0;
  const size_t found = Found().size();
  EXPECT_GT(found, kArrays / 4);
  EXPECT_LT(found, kArrays);
  EXPECT_LE(lookups_, all / 2 + 1);
  EXPECT_GE(contents_.unexamined, kArrays - found);
  EXPECT_LT(contents_.unexamined, contents_.blocks.size());
  limits_.lookups_of_block = all / contents_.blocks.size() + 1;
  EXPECT_EQ(Found().size(), kArrays);
  EXPECT_EQ(contents_.unexamined, 0u);
}

TEST_F(BlockContents, AtTheLimitOfBytesItEndsAndCountsWhatItLeftOut) {
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  std::vector<uint64_t> owner(8192);
  owner[0] = buffer;
  owner[1] = text.size();
  owner[2] = text.capacity();
  for (int i = 0; i < 10; ++i) Words(owner);
  limits_.bytes = 100'000;
  Found();
  // One or two blocks of 64 KiB were examined, and perhaps the text.
  EXPECT_GE(contents_.unexamined, 8u);
  EXPECT_LE(contents_.unexamined, 10u);
  // Labelled blocks are never examined, so they do not count.
  for (HeapBlock& block : contents_.blocks) block.pool = block.label = 1;
  limits_.bytes = 0;
  Found();
  EXPECT_EQ(contents_.unexamined, 0u);
}

TEST_F(BlockContents, AChainForWhichTheLimitLeavesNoRoomIsNotBegun) {
  uint64_t node = 0;
  for (int i = 0; i < 1000; ++i) node = Words({node, 7});
  const uint64_t buckets = Words({0, 0, 0});
  const uint64_t owner = Words({buckets, 3, node, 1000, 0x3f800000, 3, 0});
  (*words_[1000])[0] = owner + 16;
  EXPECT_EQ(Found().size(), 1001u);
  limits_.lookups = 1500;
  limits_.lookups_of_block = 0;
  EXPECT_THAT(Found(), IsEmpty());
  EXPECT_LE(lookups_, 1000u);
  EXPECT_GT(contents_.unexamined, 0u);
}

TEST_F(BlockContents, WhereTheKernelGivesNoBytesNothingIsLookedFor) {
  const std::string text = "a text that is longer than an object has room for";
  const uint64_t buffer = Add(text.data(), text.capacity() + 1);
  Words({buffer, text.size(), text.capacity(), 0});
  contents_.why_no_first_bytes = "process_vm_readv: Operation not permitted";
  EXPECT_THAT(Found(), IsEmpty());
}

// The types of a Python: `object` and `type` in a module's data, and others.
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
  // Without an object whose type lies in a module, no Python is recognized.
  const uint64_t number = Words({1, AddressOf(&int_), 17});
  EXPECT_THAT(Found(), UnorderedElementsAre(Pair(block, "Python type"), Pair(object, "Python Made"),
                                            Pair(number, "Python int")));
}

TEST_F(PythonContents, WhatOnlyLooksLikeAnObjectIsNone) {
  Words({0, AddressOf(&int_), 17});              // no references
  Words({1, AddressOf(&int_)});                  // too small
  Words({0, 0, 1, AddressOf(&int_), 17});        // at the wrong offset for this type
  Words({1, AddressOf(&list_), 0, 0, 0, 0, 0});  // also at the wrong offset
  Words({0, 0, 1, AddressOf(&point_), 0, 0, 0});
  Words({1, AddressOf(&int_) + 8, 17});  // no type at that address
  Words({1, AddressOf(&other_), 17});
  const uint64_t keys = Words({1, 2, 3, 4});
  const uint64_t items = Words({0, 0, 0});
  Words({0, 0, 1, AddressOf(&int_), 2, items, 4, keys});
  Words({1, AddressOf(&int_) + 8, 17, 24, items, items, 0});
  EXPECT_THAT(Found(), IsEmpty());
}

TEST_F(BlockContents, OfNoBlocksAreNone) { EXPECT_THAT(Found(), IsEmpty()); }

}  // namespace
}  // namespace alkaid::heap
