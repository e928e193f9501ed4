// DetectorDefinition: what a detector's data are to look like, before it has its number.
//
// Stricter than Names::Make, which also takes what is read from files: names must be legal, so that
// every reader of the format can make attributes of them.
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

// Names of detector and algorithm are of letters, digits and '_'; those of fields may also have '.'
// and ':', and an enumeration's has one ':'.
struct DetectorDefinition {
  std::string detector = {};
  std::string detector_type = {};
  std::string detector_id = {};
  uint32_t segment = 0;
  Algorithm algorithm = {};
  std::vector<Field> fields = {};
  // Absent: the node of the last declaration that is there, and the next free number.
  std::optional<uint32_t> node_id = {};
  std::optional<uint32_t> names_id = {};
};

// The declaration for a Configure that has `there` already. Where no number is given it is one more
// than the lower of the two groups in which numbers are given out, from 0 up and from 255 down;
// kResourceExhausted where these meet. kInvalidArgument for a name that is not legal, a field given
// twice, a node above 4095, a number above 255, or what Names::Make refuses.
ALKAID_EXPORT Result<Names> MakeDeclaration(DetectorDefinition definition,
                                            const std::vector<Names>& there);

}  // namespace alkaid::dgram
