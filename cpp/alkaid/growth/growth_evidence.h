// Why a verdict on a leak profile is what it is, and what to do next, in plain sentences.
//
// Ownership: values. Threads: free of state. Out of memory: std::bad_alloc.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth {

// Whole sentences, the weightiest first. `stamps` are those that the verdict is on.
ALKAID_EXPORT std::vector<std::string> EvidenceOf(std::span<const MemoryStamp> stamps,
                                                  const GrowthVerdict& verdict);
// Empty where there is nothing to do. A sentence, and where commands find out more these, a line
// each, that a shell takes as they are. `command` is what made the profile, as a shell takes it; where
// it is empty, the lines have COMMAND in its place.
ALKAID_EXPORT std::string AdviceOf(const GrowthVerdict& verdict, const std::string& command = "");

}  // namespace alkaid::growth
