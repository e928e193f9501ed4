// The column of text (CHARSTR): a view of 16 bytes for each row, which points into the batch if the
// text has more than 12 bytes.
//
// A row's text ends at its first NUL or at the end of its field, as in FieldView::String.
//
// Threads: free of state. Out of memory: kResourceExhausted, or std::bad_alloc.
#pragma once

#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/columns/column.h"
#include "alkaid/columns/resolved_field_internal.h"
#include "alkaid/dgram/batch.h"

namespace alkaid::columns::internal {

Result<FieldColumn> TextColumn(const dgram::DgramBatch& batch, const ResolvedField& wanted,
                               const ColumnOptions& options);

// How many bytes come before the first that is not UTF-8; all if the text is UTF-8.
ALKAID_EXPORT int64_t ValidUtf8(std::string_view text);

}  // namespace alkaid::columns::internal
