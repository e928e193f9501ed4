// The environment variables that Alkaid honours, in one list; environment.cc says what each means.
//
// A process with more rights than its caller (a set-uid or set-gid program, or one with file
// capabilities) does not obey its environment, which is the caller's: there every variable counts
// as unset. The one exception is the choice among built-in backends.
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

enum class ReadAt {
  kLoad,      // once, when the library is loaded
  kFirstUse,  // once, when what it steers is first used
  kEachUse,   // whenever what it steers is made
  kScripts,   // not by the library: by the build, ci/ and the tests
};

struct EnvironmentVariable {
  std::string name;
  std::string meaning;  // its effect and its values, in a sentence
  ReadAt read_at = ReadAt::kLoad;
  // Some of its values count in a process with raised privileges too.
  bool counts_when_raised = false;
};

// Every variable whose name begins with ALKAID_: first those that the library reads.
ALKAID_EXPORT const std::vector<EnvironmentVariable>& EnvironmentVariables();

// "read when the library is loaded", and so on.
ALKAID_EXPORT std::string ReadAtText(ReadAt read_at);

// A sentence for each variable that is set, begins with ALKAID_ and is not in the list, with the
// nearest name in it. Empty in a process with raised privileges.
ALKAID_EXPORT std::vector<std::string> UnknownEnvironmentVariables();

// The value, or "" if the variable is not set. An empty value always means unset.
ALKAID_EXPORT std::string GetEnvironment(const char* name);

// The same, except that the values in `harmless` are also accepted with raised privileges: values
// from which no caller gains anything.
ALKAID_EXPORT std::string GetEnvironment(const char* name,
                                         const std::vector<std::string>& harmless);

}  // namespace alkaid::internal
