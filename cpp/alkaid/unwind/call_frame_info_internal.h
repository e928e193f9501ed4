// Call frame information: how to get from a function's frame to its caller's. Every library on
// x86-64 carries it in .eh_frame, with or without frame pointers.
//
// The format is DWARF's (version 5, section 6.4), as the Linux Standard Base and the x86-64 ABI
// restrict it. Only two things are needed: where the caller's frame begins (the CFA), and where the
// caller's rbp is. Both fit one word for practically all code that is called. For other code the
// answer is kElsewhere, and the C++ runtime's unwinder is used instead.
//
// Ownership: none. Threads: any. Out of memory: nothing is allocated. The tables of loaded
// libraries are trusted, as the C++ runtime trusts them when it throws.
#pragma once

#include <cstdint>

#include "alkaid/base/export.h"

namespace alkaid::unwind {

// How to unwind from one address. Small, so that a cache can hold it in one atomic word.
struct ALKAID_EXPORT UnwindRule {
  enum Kind : uint8_t {
    kNone,       // not known yet
    kFromRsp,    // CFA = rsp + cfa_offset
    kFromRbp,    // CFA = rbp + cfa_offset
    kDerefRbp,   // CFA = the word at rbp + cfa_offset: functions that align their stack
    kEnd,        // the outermost frame
    kElsewhere,  // cannot be expressed in these terms
  };
  enum SavedRbp : uint8_t {
    kUnchanged,  // the caller's rbp is still in rbp
    kAtCfa,      // at CFA + rbp_offset
    kAtRbp,      // at rbp + rbp_offset
  };

  Kind kind = kNone;
  SavedRbp saved_rbp = kUnchanged;
  int32_t cfa_offset = 0;  // bytes, 28 bits of them
  int32_t rbp_offset = 0;  // bytes, 24 bits of them

  uint64_t Pack() const;
  static UnwindRule Unpack(uint64_t word);
};

// The rule for the frame of the call just before `return_address`. Never kNone. About a
// microsecond: it searches a table and runs a small program. `*function` is where the function
// begins, unless the rule is kElsewhere.
ALKAID_EXPORT UnwindRule FindUnwindRule(uint64_t return_address, uint64_t* function);

// The same for code that is in no file and whose call frame information a program registered with
// the C++ runtime, as just-in-time compilers do. Takes the runtime's lock.
ALKAID_EXPORT UnwindRule FindRegisteredUnwindRule(uint64_t return_address, uint64_t* function);

// What is known of an address.
enum class CodeKind {
  kNone,        // in no loaded library and not registered: not a return address
  kRegistered,  // of a just-in-time compiler
  kLibrarys,    // in a loaded library
};
ALKAID_EXPORT CodeKind KindOfCode(uint64_t return_address);

}  // namespace alkaid::unwind
