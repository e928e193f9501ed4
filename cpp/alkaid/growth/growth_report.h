// A leak profile in words: how much it grows, how certain that is, where, and what to do next.
//
//   num_stamp 10 v0,v1 VmSize(MB) r0,r1 RSS(MB)
//    t0 1771193673.0 t1 1771193680.0 dt    7.03906 dt/(num_stamp-1)   0.782118
//    v0    21317.000 v1    21300.000 dv   -17.0352 dv/(num_stamp-1)   -1.89280
//    r0     1745.910 r1     1761.680 dr    15.7640 dr/(num_stamp-1)    1.75156
//
// is the summary, over all stamps. The other parts cover the stamps after the warm-up.
//
// Ownership: values. Threads: free of state. Out of memory: std::bad_alloc.
#pragma once

#include <span>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/growth/growth_verdict.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth {

// The lines above, each with a newline; lines of unknown columns are left out.
ALKAID_EXPORT std::string SummaryLines(std::span<const MemoryStamp> stamps);

// A line for each known account: slope, its interval, from, to, share of the growth.
ALKAID_EXPORT std::string FitLines(const GrowthVerdict& verdict);

// The whole report.
ALKAID_EXPORT std::string GrowthReport(std::span<const MemoryStamp> stamps,
                                       const GrowthVerdict& verdict,
                                       const LeakProfileRun& run = {});

}  // namespace alkaid::growth
