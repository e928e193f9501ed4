// The column of text (CHARSTR): views of 16 bytes a row, of which those of more than 12 bytes of
// text point into the batch.
//
// A row's text ends at its first NUL, or with its field, as FieldView::String has it.
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

// The bytes before the first that is not UTF-8; all where it is.
ALKAID_EXPORT int64_t ValidUtf8(std::string_view text);

}  // namespace alkaid::columns::internal
