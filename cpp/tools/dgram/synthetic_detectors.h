// The detectors of runs that a program makes by itself, and the values of their fields in each
// event.
//
// Threads: free of state. Out of memory: may throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/dgram/names.h"
#include "tools/dgram/counting_values.h"

namespace alkaid::tools {

// A field, with its shape in every event.
struct SyntheticField {
  std::string name;
  dgram::DataType type;
  std::vector<uint32_t> shape;
};

struct SyntheticDetector {
  std::string detector;
  std::string type;
  uint32_t segment;
  std::vector<SyntheticField> fields;
};

// `digitizers` digitizers of 12 fields, from segment `segment` on, and a camera of 8. With two
// digitizers an event resembles a common one: 32 fields, 10 of them arrays, about 850 bytes, with
// odd lengths that leave many fields misaligned.
std::vector<SyntheticDetector> SmallDetectors(uint32_t digitizers = 2, uint32_t segment = 0);
// One imager, whose image has `shape`.
std::vector<SyntheticDetector> ImageDetector(dgram::DataType type, std::vector<uint32_t> shape,
                                             uint32_t segment = 0);

// Their declarations, numbered from 1.
Result<std::vector<dgram::Names>> DeclarationsOf(const std::vector<SyntheticDetector>& detectors);
CountingValues ValuesOf(const dgram::Names& names, const SyntheticDetector& detector);

// The first value of one field of one event; a float can hold it.
uint32_t SyntheticBase(int64_t stream, int64_t event, size_t detector, size_t field);

}  // namespace alkaid::tools
