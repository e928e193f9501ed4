// Call frame programs: instructions (DWARF 5, section 6.4.2) that state, address by address, where
// a caller's registers are.
//
// Of the registers only rbp and the return address are tracked: on x86-64 a stack trace needs
// these, the CFA, and nothing else.
//
// Ownership: borrows the bytes of the programs. Threads: one. Out of memory: nothing is allocated.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"
#include "alkaid/unwind/frame_reader_internal.h"

namespace alkaid::unwind {

// DWARF's numbers of the registers.
inline constexpr uint64_t kRbp = 6;
inline constexpr uint64_t kRsp = 7;
inline constexpr uint64_t kReturnAddress = 16;

// Where a register of the caller is.
struct RegisterPlace {
  enum Kind : uint8_t { kSame, kAtCfa, kExpression, kUndefined, kOther };
  Kind kind = kSame;
  int64_t offset = 0;
  const uint8_t* expression = nullptr;
};

struct FrameRow {
  uint64_t cfa_register = kRsp;
  int64_t cfa_offset = 0;
  const uint8_t* cfa_expression = nullptr;
  RegisterPlace rbp;
  RegisterPlace return_address;

  void Set(uint64_t reg, RegisterPlace place) {
    if (reg == kRbp) rbp = place;
    if (reg == kReturnAddress) return_address = place;
  }
  RegisterPlace Get(uint64_t reg) const { return reg == kRbp ? rbp : return_address; }
};

// What many frame descriptions share.
struct FrameConstants {
  uint64_t code_align = 1;
  int64_t data_align = 1;
  uint8_t pointer_encoding = 0;
};

// Runs a program up to the row for `address`. `*row` must be the row at `start`. `initial` is the
// row that DW_CFA_restore goes back to. Returns false if the program has an unknown instruction, or
// is cut.
ALKAID_EXPORT bool RunFrameProgram(const FrameConstants& constants, FrameReader program,
                                   uint64_t start, uint64_t address, const FrameRow& initial,
                                   FrameRow* row);

}  // namespace alkaid::unwind
