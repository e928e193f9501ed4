// FieldPath: the names of a field, "xpphsd/0/raw/waveform": detector, segment, algorithm, field.
//
// Ownership: values. Threads: plain values; functions are free of state. Out of memory:
// kResourceExhausted; ToString and copies throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/configuration.h"

namespace alkaid::columns {

struct ALKAID_EXPORT FieldPath {
  std::string detector;
  uint32_t segment = 0;
  std::string algorithm;
  std::string field;

  // "xpphsd/0/raw/waveform".
  std::string ToString() const;
  friend bool operator==(const FieldPath&, const FieldPath&) = default;
};

// One path for each segment that declares the field, ordered by segment. If none does: kNotFound;
// the message lists the declarations ("xpphsd/0/raw"), at most 16.
ALKAID_EXPORT Result<std::vector<FieldPath>> SegmentsOf(const dgram::Configuration& configuration,
                                                        std::string_view detector,
                                                        std::string_view algorithm,
                                                        std::string_view field);

// Every field once, in order of declaration.
ALKAID_EXPORT Result<std::vector<FieldPath>> AllFields(const dgram::Configuration& configuration);

}  // namespace alkaid::columns
