#include <gtest/gtest.h>

#include <vector>

#include "alkaid/unwind/frame_program_internal.h"

namespace alkaid::unwind {
namespace {

constexpr uint64_t kStart = 0x1000;

// How compilers for x86-64 begin every frame: CFA = rsp + 8, return address at CFA - 8.
FrameRow AtEntry() {
  FrameRow row;
  row.cfa_offset = 8;
  row.return_address = {RegisterPlace::kAtCfa, -8, nullptr};
  return row;
}

// push %rbp; mov %rsp,%rbp; ...; leave: the frame of a function with a frame pointer.
const std::vector<uint8_t> kWithFramePointer = {
    0x41,           // advance 1
    0x0e, 16,       // def_cfa_offset 16
    0x86, 2,        // rbp at CFA + 2 * data_align
    0x43,           // advance 3
    0x0d, 6,        // def_cfa_register rbp
    0x02, 0x20,     // advance 32
    0x0a,           // remember
    0x0c, 7,    8,  // def_cfa rsp + 8
    0xc6,           // restore rbp
    0x41,           // advance 1
    0x0b,           // what was remembered
};

bool RowAt(const std::vector<uint8_t>& bytes, uint64_t address, FrameRow* row) {
  const FrameConstants constants = {1, -8, 0x1b};
  *row = AtEntry();
  return RunFrameProgram(constants, {bytes.data(), bytes.data() + bytes.size()}, kStart, address,
                         AtEntry(), row);
}

TEST(FrameProgram, GivesTheRowOfEachAddress) {
  FrameRow row;
  ASSERT_TRUE(RowAt(kWithFramePointer, kStart, &row));
  EXPECT_EQ(row.cfa_register, kRsp);
  EXPECT_EQ(row.cfa_offset, 8);
  EXPECT_EQ(row.rbp.kind, RegisterPlace::kSame);

  ASSERT_TRUE(RowAt(kWithFramePointer, kStart + 1, &row));
  EXPECT_EQ(row.cfa_register, kRsp);
  EXPECT_EQ(row.cfa_offset, 16);
  EXPECT_EQ(row.rbp.kind, RegisterPlace::kAtCfa);
  EXPECT_EQ(row.rbp.offset, -16);

  ASSERT_TRUE(RowAt(kWithFramePointer, kStart + 20, &row));
  EXPECT_EQ(row.cfa_register, kRbp);
  EXPECT_EQ(row.cfa_offset, 16);
}

TEST(FrameProgram, RememberedStatesAndInitialPlacesComeBack) {
  FrameRow row;
  ASSERT_TRUE(RowAt(kWithFramePointer, kStart + 36, &row));
  EXPECT_EQ(row.cfa_register, kRsp);
  EXPECT_EQ(row.cfa_offset, 8);
  EXPECT_EQ(row.rbp.kind, RegisterPlace::kSame);
  ASSERT_TRUE(RowAt(kWithFramePointer, kStart + 37, &row));
  EXPECT_EQ(row.cfa_register, kRbp);
  EXPECT_EQ(row.rbp.offset, -16);
}

TEST(FrameProgram, TheOutermostFrameSaysThatItHasNoReturnAddress) {
  FrameRow row;
  ASSERT_TRUE(RowAt({0x07, 16}, kStart, &row));
  EXPECT_EQ(row.return_address.kind, RegisterPlace::kUndefined);
}

TEST(FrameProgram, WhatIsNotKnownOrCutIsRefused) {
  FrameRow row;
  EXPECT_FALSE(RowAt({0x3f}, kStart, &row));                          // no such instruction
  EXPECT_FALSE(RowAt({0x0b}, kStart, &row));                          // nothing was remembered
  EXPECT_FALSE(RowAt({0x0f, 0x70}, kStart, &row));                    // an expression past the end
  EXPECT_FALSE(RowAt(std::vector<uint8_t>(40, 0x0a), kStart, &row));  // too much remembered
  EXPECT_FALSE(RowAt({0x0c, 7}, kStart, &row));                       // without its operand
}

}  // namespace
}  // namespace alkaid::unwind
