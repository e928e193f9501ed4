// PlantedLeak: a leak of a known size, to check that leaks are found.
//
//   ALKAID_LEAK_PROFILE=planted.npy ALKAID_PROFILE_LEAK_MB=10 ./reader
//   alkaid profile report planted.npy     # must find 10 MB per event more than without the leak
//
// Allocates blocks of a size that adds almost no allocator overhead (planted_leak.cc), writes to
// them and keeps them for ever. A rest smaller than a block is carried over to the next event, so
// the sum is exact. Blocks of the pool are labelled "planted leak"; with jemalloc they come from an
// arena of their own, whose address space grows with them.
//
// To leave the machine usable, at most half of the memory that is available at the first event is
// planted. Past that a LeakProfile takes no more stamps, so every stamp it has includes its planted
// share.
//
// Ownership: the blocks are never freed. Threads: Plant from one at a time. Out of memory: Plant
// says so, and the next call goes on with the same share; PlantedLeakFromEnvironment throws
// std::bad_alloc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::growth {

struct PlantedLeakOptions {
  enum class By { kPool, kMalloc };

  double mb_per_event = 0;  // of 1,000,000 bytes; 0: none
  By by = By::kPool;        // the default memory pool
  // Plant refuses to go on past this; 0: MostToPlant at the first event.
  int64_t most_bytes = 0;
};

// Bytes: half of what the system, or the memory limit of the container, has left now. INT64_MAX
// where that is unknown.
ALKAID_EXPORT int64_t MostToPlant();

// Parses the values of ALKAID_PROFILE_LEAK_MB and ALKAID_PROFILE_LEAK_BY; empty means unset.
// kInvalidArgument for an amount that is not a number from 0 to 1,000,000, and for a way other than
// "pool" and "malloc".
ALKAID_EXPORT Result<PlantedLeakOptions> ParsePlantedLeak(const std::string& mb,
                                                          const std::string& by);

// What the environment asks for. Where it makes no sense, stderr says so once, and nothing is
// planted.
ALKAID_EXPORT PlantedLeakOptions PlantedLeakFromEnvironment();

class ALKAID_EXPORT PlantedLeak {
 public:
  explicit PlantedLeak(const PlantedLeakOptions& options) : options_(options) {}

  // Plants one event's share. kResourceExhausted where that passes most_bytes, or there is no
  // memory.
  Status Plant();
  // Bytes planted so far, without the rest that is carried over.
  int64_t planted_bytes() const { return planted_bytes_; }

 private:
  Result<uint8_t*> Allocate() const;

  PlantedLeakOptions options_;
  double due_bytes_ = 0;
  int64_t planted_bytes_ = 0;
};

}  // namespace alkaid::growth
