// PlantedLeak: a leak of a known size, to see that a leak is found.
//
//   ALKAID_LEAK_PROFILE=planted.npy ALKAID_PROFILE_LEAK_MB=10 ./reader
//   alkaid profile report planted.npy     # has to find 10 MB per event more than without
//
// Blocks of one size that costs every allocator next to nothing beside itself (planted_leak.cc) are
// allocated, written to and kept for ever. What does not fill a block is carried on to the next
// event, so that the sum is exact. Blocks of the pool are labelled "planted leak"; with jemalloc
// they come from an arena of their own, whose address space grows as they do.
//
// No machine is filled up: half of the memory that is available at the first event is planted at
// most. A LeakProfile takes no stamps beyond that, so that all that it has are those with their
// plant.
//
// Ownership: the blocks are never given back. Threads: Plant from one at a time. Out of memory:
// Plant says so, and the next call goes on with the same share; PlantedLeakFromEnvironment throws
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
  // Plant refuses to go on beyond these; 0: MostToPlant at the first event.
  int64_t most_bytes = 0;
};

// Bytes: half of what the system, or the memory limit of the container, has left now. INT64_MAX
// where it does not say.
ALKAID_EXPORT int64_t MostToPlant();

// From the values of ALKAID_PROFILE_LEAK_MB and ALKAID_PROFILE_LEAK_BY; empty as not set.
// kInvalidArgument for what is no number from 0 to 1,000,000, and neither "pool" nor "malloc".
ALKAID_EXPORT Result<PlantedLeakOptions> ParsePlantedLeak(const std::string& mb,
                                                          const std::string& by);

// What the environment asks for. Where it makes no sense, that is said once on stderr, and nothing
// is planted.
ALKAID_EXPORT PlantedLeakOptions PlantedLeakFromEnvironment();

class ALKAID_EXPORT PlantedLeak {
 public:
  explicit PlantedLeak(const PlantedLeakOptions& options) : options_(options) {}

  // One event's share. kResourceExhausted where that passes most_bytes, or there is no memory.
  Status Plant();
  // Bytes so far; what is carried on is not among them.
  int64_t planted_bytes() const { return planted_bytes_; }

 private:
  Result<uint8_t*> Allocate() const;

  PlantedLeakOptions options_;
  double due_bytes_ = 0;
  int64_t planted_bytes_ = 0;
};

}  // namespace alkaid::growth
