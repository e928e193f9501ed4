// Where the memory is: tracking of live memory, snapshots, differences, what keeps what alive: all
// that alkaid/heap/ offers.
#pragma once

#include "alkaid/base/export.h"                    // first: it asks for C++20
#include "alkaid/heap/reports/heap_diff.h"         // IWYU pragma: export
#include "alkaid/heap/reports/heap_file.h"         // IWYU pragma: export
#include "alkaid/heap/reports/heap_requests.h"     // IWYU pragma: export
#include "alkaid/heap/reports/heap_snapshot.h"     // IWYU pragma: export
#include "alkaid/heap/reports/retention_report.h"  // IWYU pragma: export
#include "alkaid/heap/tracking/heap_layout.h"      // IWYU pragma: export
#include "alkaid/heap/tracking/tracking.h"         // IWYU pragma: export
