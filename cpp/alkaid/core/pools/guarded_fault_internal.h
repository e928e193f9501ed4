// Reports of what guarded blocks caught, on stderr, and the handler of the faults that their pages
// raise.
//
//   Alkaid memory fault: use after free: a write at byte 16 of a block of 64 bytes
//     block: 0x7f..., 64 bytes, alignment 64, label 'dgram.batch', pool 0x5... over system, guarded
//     access to 0x7f... by thread 4711:
//       #0 0x55... main (/opt/analysis+0x4020)
//     freed by thread 4711:
//       ...
//     allocated by thread 4711:
//       ...
//
// The handler is installed once. After its report it passes every SIGSEGV to the previous handler,
// which it calls as the kernel would, with that handler's flags and mask. If there was none, the
// instruction faults again and ends the program, with its core file. A handler that the program
// installs later hides this one unless it passes on what it does not know.
//
// Ownership: none. Threads: any; reports of several threads come one after the other.
// Out of memory: nothing is allocated from the program's heap. A signal handler writes the report
// of an access, and uses only what it may. On a signal stack that is almost full the report leaves
// out function names.
#pragma once

#include <cstdint>

#include "alkaid/core/pools/guarded_slots_internal.h"

namespace alkaid::internal {

// Installs the handler, once.
void HandleGuardedFaults();

// `damage`: the overwritten byte beside the block. `where`: "freed" or "reallocated".
[[noreturn]] void EndAtDamagedCanary(const GuardedSlot& slot, const uint8_t* damage,
                                     const char* where);
// `slot`: the nearest, or null. `what`: "free" or "reallocation".
[[noreturn]] void EndAtFreeOfNoBlock(const GuardedSlot* slot, const uint8_t* ptr, const char* what);
// A call whose pool, size or alignment is not the block's.
[[noreturn]] void EndAtWrongClaim(const GuardedSlot& slot, const GuardedClaim& claim,
                                  const char* what);

}  // namespace alkaid::internal
