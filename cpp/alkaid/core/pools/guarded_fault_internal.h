// Reports of what guarded blocks caught, on stderr, and the handler of the faults that their pages
// raise.
//
//   Alkaid memory fault: use after free: a write at byte 16 of a block of 64 bytes
//     block: 0x7f..., 64 bytes, alignment 64, label 'dgram.batch', pool 0x55... over mimalloc, guarded
//     access to 0x7f... by thread 4711:
//       #0 0x55... main (/opt/analysis+0x4020)
//     freed by thread 4711:
//       ...
//     allocated by thread 4711:
//       ...
//
// The handler is set once, over what was there, which gets every SIGSEGV after the report: where
// that is nothing, the instruction faults again and the program ends by it, with its core file. A
// handler that the program sets later hides ours unless it passes on what it does not know. The one
// from before is called as the kernel would call it, by its flags and its mask.
//
// Ownership: none. Threads: any; reports of several threads come one after the other.
// Out of memory: nothing is allocated from the program's heap. The report of an access is written
// by a signal handler, and uses what may be used there; on a signal stack that is almost full it
// leaves the names of functions out.
#pragma once

#include <cstdint>

#include "alkaid/core/pools/guarded_slots_internal.h"

namespace alkaid::internal {

// Sets the handler, once.
void HandleGuardedFaults();

// `damage`: the byte beside the block that was overwritten. `where`: "freed" or "reallocated".
[[noreturn]] void EndAtDamagedCanary(const GuardedSlot& slot, const uint8_t* damage,
                                     const char* where);
// `slot`: the nearest, or null. `what`: "free" or "reallocation".
[[noreturn]] void EndAtFreeOfNoBlock(const GuardedSlot* slot, const uint8_t* ptr, const char* what);
// A call whose pool, size or alignment is not the block's.
[[noreturn]] void EndAtWrongClaim(const GuardedSlot& slot, const GuardedClaim& claim,
                                  const char* what);

}  // namespace alkaid::internal
