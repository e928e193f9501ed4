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

// Whole sentences, the most important first. `stamps` are those that the verdict is about.
ALKAID_EXPORT std::vector<std::string> EvidenceOf(std::span<const MemoryStamp> stamps,
                                                  const GrowthVerdict& verdict);
// One sentence, followed where useful by commands, one a line, that a shell accepts as they are.
// Empty where there is nothing to do. `command` is the command that made the profile, as a shell
// accepts it; where it is empty, the lines have COMMAND in its place.
ALKAID_EXPORT std::string AdviceOf(const GrowthVerdict& verdict, const std::string& command = "");

}  // namespace alkaid::growth
