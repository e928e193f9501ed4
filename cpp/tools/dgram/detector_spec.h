// A detector in its spelling on the command line, and values for it.
//
// Threads: free of state. Out of memory: may throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/dgram/detector_definition.h"
#include "tools/dgram/counting_values.h"

namespace alkaid::tools {

struct DetectorSpec {
  dgram::DetectorDefinition definition;
  // For each field, in every datagram.
  std::vector<std::vector<uint32_t>> shapes;
  // Bytes of the fields in one datagram.
  int64_t nbytes = 0;

  // Whether `names` declares the same: detector, segment, algorithm and its version, the fields in
  // their order, and the number where one is given.
  bool Is(const dgram::Names& names) const;
};

// Parses "name=fex,alg=fex:1.0.0,field=calib:FLOAT:2x3"; the help of `alkaid dgram edit` has the
// whole syntax. kInvalidArgument says which part is not understood, given twice, or makes the
// fields larger than `room` bytes; nothing is allocated for them.
Result<DetectorSpec> ParseDetectorSpec(const std::string& text, int64_t room);

// "DETECTOR.ALGORITHM" or "DETECTOR.ALGORITHM.SEGMENT".
struct DetectorChoice {
  std::string detector;
  std::string algorithm;
  std::optional<uint32_t> segment;

  bool Includes(const dgram::Names& names) const;
};
Result<DetectorChoice> ParseDetectorChoice(const std::string& text);

// Values from a JSON file: {"DETECTOR.ALGORITHM": {"FIELD": VALUE, ...}, ...}. VALUE is a number,
// text, or a list of as many numbers as the field's shape has, nested at most as deep as a field
// can have dimensions. Fields that are not named keep their values. kInvalidArgument for names that
// no detector of `all` has, and for values that do not fit: a number outside the field's type, or
// text with a NUL, at which readers would end it.
Status SetValuesFromJson(const std::string& path, const std::vector<dgram::Names>& all,
                         std::vector<CountingValues>& values);

}  // namespace alkaid::tools
