// What the environment asks for when the library is loaded.
#pragma once

namespace alkaid::heap {

// Whether ALKAID_HEAP_OWNER names this very process.
bool IsHeapOwner();

// Looks at ALKAID_HEAP_SIGNAL, ALKAID_HEAP_FILE and ALKAID_HEAP_AT_EXIT, after
// ALKAID_TRACK_ALLOCATIONS was. What can not be done is said on stderr.
//
// Threads: all functions, before main. Out of memory: std::bad_alloc ends the program.
void StartHeapRequestsFromEnvironment();

}  // namespace alkaid::heap
