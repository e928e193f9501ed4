// The environment variables that Alkaid honours, all in one list: environment.cc has what each
// means.
//
// A process with more rights than its caller (a set-uid or set-gid program, or one with
// capabilities of its file) takes no orders from its environment, which is the caller's: there
// every variable counts as not set. The choice among backends that are built in is the one
// exception.
//
// Ownership: values are copies. Threads: as safe as getenv: not while another thread calls setenv.
// Out of memory: std::bad_alloc.
#pragma once

#include <string>
#include <vector>

#include "alkaid/base/export.h"

namespace alkaid::internal {

inline constexpr char kDefaultMemoryPoolVariable[] = "ALKAID_DEFAULT_MEMORY_POOL";
inline constexpr char kDebugMemoryPoolVariable[] = "ALKAID_DEBUG_MEMORY_POOL";
inline constexpr char kGuardedSamplingVariable[] = "ALKAID_GUARDED_SAMPLING";
inline constexpr char kReadQueueVariable[] = "ALKAID_READ_QUEUE";
inline constexpr char kTrackAllocationsVariable[] = "ALKAID_TRACK_ALLOCATIONS";
inline constexpr char kHeapAtExitVariable[] = "ALKAID_HEAP_AT_EXIT";
inline constexpr char kHeapOwnerVariable[] = "ALKAID_HEAP_OWNER";
inline constexpr char kHeapSignalVariable[] = "ALKAID_HEAP_SIGNAL";
inline constexpr char kHeapFileVariable[] = "ALKAID_HEAP_FILE";
inline constexpr char kHeapAtStampsVariable[] = "ALKAID_HEAP_AT_STAMPS";
inline constexpr char kExitSignalsVariable[] = "ALKAID_EXIT_SIGNALS";
inline constexpr char kTraceGrowthVariable[] = "ALKAID_TRACE_GROWTH";
inline constexpr char kReservationsVariable[] = "ALKAID_RESERVATIONS";
inline constexpr char kLeakProfileVariable[] = "ALKAID_LEAK_PROFILE";
inline constexpr char kProfileReleaseAtVariable[] = "ALKAID_PROFILE_RELEASE_AT";
inline constexpr char kProfileLeakMbVariable[] = "ALKAID_PROFILE_LEAK_MB";
inline constexpr char kProfileLeakByVariable[] = "ALKAID_PROFILE_LEAK_BY";

struct EnvironmentVariable {
  std::string name;
  std::string meaning;  // what it does and which values it takes, in a sentence
};

// Every variable that the library reads.
ALKAID_EXPORT const std::vector<EnvironmentVariable>& HonouredEnvironmentVariables();

// The value, or "" where the variable is not set. Set to nothing is as good as not set, throughout.
ALKAID_EXPORT std::string GetEnvironment(const char* name);

// The same, but one of `harmless` counts with raised privileges too: values that no caller gains
// anything by.
ALKAID_EXPORT std::string GetEnvironment(const char* name,
                                         const std::vector<std::string>& harmless);

}  // namespace alkaid::internal
