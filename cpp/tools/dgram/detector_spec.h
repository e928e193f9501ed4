// A detector as it is spelled on the command line, and the values that it gets.
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
  // Of each field, in every datagram.
  std::vector<std::vector<uint32_t>> shapes;
  // Of the fields in one datagram.
  int64_t nbytes = 0;

  // Whether `names` declares what this spells: detector, segment, algorithm and its version, the
  // fields in their order, and the number where one is given.
  bool Is(const dgram::Names& names) const;
};

// From "name=fex,alg=fex:1.0.0,field=calib:FLOAT:2x3"; the whole form is in the help of `alkaid
// dgram edit`.
// kInvalidArgument says which part is not understood, given twice, or makes the fields larger than
// `room` bytes; nothing is allocated for them.
Result<DetectorSpec> ParseDetectorSpec(const std::string& text, int64_t room);

// "DETECTOR.ALGORITHM" or "DETECTOR.ALGORITHM.SEGMENT".
struct DetectorChoice {
  std::string detector;
  std::string algorithm;
  std::optional<uint32_t> segment;

  bool Includes(const dgram::Names& names) const;
};
Result<DetectorChoice> ParseDetectorChoice(const std::string& text);

// Values from a JSON file: {"DETECTOR.ALGORITHM": {"FIELD": VALUE, ...}, ...}, where VALUE is a
// number, text, or a list of as many numbers as the field's shape has, nested up to as deep as a
// field can have dimensions. Fields that are not named stay as they are. kInvalidArgument for what
// no detector of `all` has, and for values that do not fit: a number that the field's type cannot
// hold, text with a NUL, at which readers would end it.
Status SetValuesFromJson(const std::string& path, const std::vector<dgram::Names>& all,
                         std::vector<CountingValues>& values);

}  // namespace alkaid::tools
