// Where the memory is going: stamps, leak profiles, verdicts, reservations: all that alkaid/growth/
// offers.
#pragma once

#include "alkaid/base/export.h"                 // first: it asks for C++20
#include "alkaid/growth/growth_evidence.h"      // IWYU pragma: export
#include "alkaid/growth/growth_report.h"        // IWYU pragma: export
#include "alkaid/growth/growth_verdict.h"       // IWYU pragma: export
#include "alkaid/growth/leak_gate.h"            // IWYU pragma: export
#include "alkaid/growth/leak_profile.h"         // IWYU pragma: export
#include "alkaid/growth/leak_profile_file.h"    // IWYU pragma: export
#include "alkaid/growth/leak_profile_run.h"     // IWYU pragma: export
#include "alkaid/growth/line_fit.h"             // IWYU pragma: export
#include "alkaid/growth/memory_stamp.h"         // IWYU pragma: export
#include "alkaid/growth/memory_text.h"          // IWYU pragma: export
#include "alkaid/growth/planted_leak.h"         // IWYU pragma: export
#include "alkaid/growth/process_memory.h"       // IWYU pragma: export
#include "alkaid/growth/process_profile.h"      // IWYU pragma: export
#include "alkaid/growth/reservation_advisor.h"  // IWYU pragma: export
