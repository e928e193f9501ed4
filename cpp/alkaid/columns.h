// Fields over batches as Arrow columns: all that alkaid/columns/ offers.
#pragma once

#include "alkaid/base/export.h"           // first: it asks for C++20
#include "alkaid/columns/column.h"        // IWYU pragma: export
#include "alkaid/columns/field_column.h"  // IWYU pragma: export
#include "alkaid/columns/field_path.h"    // IWYU pragma: export
#include "alkaid/columns/table.h"         // IWYU pragma: export
#include "alkaid/columns/table_stream.h"  // IWYU pragma: export
