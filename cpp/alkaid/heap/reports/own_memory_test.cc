#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <utility>
#include <vector>

#include "alkaid/heap/reports/own_memory_internal.h"

namespace alkaid::heap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr uint64_t kPiece = OwnMemory::kPieceBytes;

uint64_t AddressOf(const void* bytes) { return reinterpret_cast<uint64_t>(bytes); }

// The first byte and the size of each piece that is read. Each byte is its offset / kPiece.
std::vector<std::pair<int, uint64_t>> Pieces(uint64_t size, uint64_t most) {
  std::vector<uint8_t> bytes(size);
  for (uint64_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i / kPiece);
  std::vector<std::pair<int, uint64_t>> pieces;
  OwnMemory memory(1 << 20);
  EXPECT_TRUE(memory.EachPiece(AddressOf(bytes.data()), size, most,
                               [&](const uint64_t* words, uint64_t count) {
                                 uint8_t first = 0;
                                 std::memcpy(&first, words, 1);
                                 pieces.emplace_back(first, count);
                                 return true;
                               }));
  return pieces;
}

TEST(OwnMemory, WhatIsShortIsReadWholeAndInOrder) {
  EXPECT_THAT(Pieces(0, 4 * kPiece), IsEmpty());
  EXPECT_THAT(Pieces(9, 4 * kPiece), ElementsAre(Pair(0, 9)));
  EXPECT_THAT(Pieces(2 * kPiece + 1, 4 * kPiece),
              ElementsAre(Pair(0, kPiece), Pair(1, kPiece), Pair(2, 1)));
  EXPECT_THAT(Pieces(4 * kPiece, 4 * kPiece).size(), 4u);
}

TEST(OwnMemory, OfWhatIsLongPiecesAreReadFromTheFirstByteToTheLast) {
  EXPECT_THAT(Pieces(100 * kPiece, 4 * kPiece),
              ElementsAre(Pair(0, kPiece), Pair(33, kPiece), Pair(66, kPiece), Pair(99, kPiece)));
}

TEST(OwnMemory, EndsAtItsLimitAtAVisitThatSaysSoAndWhereAPageIsGone) {
  std::vector<uint64_t> words(4 * kPiece / 8);
  const uint64_t address = AddressOf(words.data());
  const auto go_on = [](const uint64_t* /*words*/, uint64_t /*bytes*/) { return true; };
  OwnMemory memory(3 * kPiece);
  EXPECT_TRUE(memory.EachPiece(address, 2 * kPiece, UINT64_MAX, go_on));
  EXPECT_FALSE(memory.exhausted());
  EXPECT_FALSE(memory.EachPiece(address, 2 * kPiece, UINT64_MAX, go_on));
  EXPECT_TRUE(memory.exhausted());
  OwnMemory fresh(1 << 20);
  int visits = 0;
  EXPECT_FALSE(fresh.EachPiece(address, 4 * kPiece, UINT64_MAX,
                               [&](const uint64_t*, uint64_t) { return ++visits < 2; }));
  EXPECT_EQ(visits, 2);
  EXPECT_FALSE(fresh.EachPiece(8, kPiece, UINT64_MAX, go_on));
  uint64_t word = 0;
  EXPECT_FALSE(fresh.Read(8, &word, sizeof(word)));
}

}  // namespace
}  // namespace alkaid::heap
