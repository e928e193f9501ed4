// DetectorDefinition: what a detector's data look like, before the declaration has its number.
//
// Stricter than Names::Make, which also accepts names that occur in files: names must be legal, so
// that every reader of the format can turn them into attributes.
//
// Ownership: a plain value that owns its text.
// Threads: free of state.
// Out of memory: MakeDeclaration says kResourceExhausted; copying a DetectorDefinition throws
// std::bad_alloc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/names.h"

namespace alkaid::dgram {

// Names of detectors and algorithms consist of letters, digits and '_'. Names of fields may also
// have '.' and ':', and the name of an enumeration has exactly one ':'.
struct DetectorDefinition {
  std::string detector = {};
  std::string detector_type = {};
  std::string detector_id = {};
  uint32_t segment = 0;
  Algorithm algorithm = {};
  std::vector<Field> fields = {};
  // Absent: the node of the last declaration, and the next free number.
  std::optional<uint32_t> node_id = {};
  std::optional<uint32_t> names_id = {};
};

// Makes the declaration for a Configure that has the declarations `there`. Numbers are given out in
// two groups, from 0 up and from 255 down; a missing number is one more than the highest of the
// lower group. kResourceExhausted where the groups meet. kInvalidArgument for an illegal name, a
// field given twice, a node above 4095, a number above 255, or what Names::Make refuses.
ALKAID_EXPORT Result<Names> MakeDeclaration(DetectorDefinition definition,
                                            const std::vector<Names>& there);

}  // namespace alkaid::dgram
