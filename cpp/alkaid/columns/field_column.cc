#include "alkaid/columns/field_column.h"

#include <new>

#include "alkaid/columns/field_column_internal.h"
#include "alkaid/columns/list_column_internal.h"
#include "alkaid/columns/scalar_column_internal.h"
#include "alkaid/columns/text_column_internal.h"

namespace alkaid::columns {

Result<FieldColumn> internal::MakeColumn(const dgram::DgramBatch& batch,
                                         const ResolvedField& wanted,
                                         const ColumnOptions& options) {
  switch (wanted.type.kind()) {
    case ColumnType::Kind::kScalar:
      return ScalarColumn(batch, wanted, options);
    case ColumnType::Kind::kText:
      return TextColumn(batch, wanted, options);
    case ColumnType::Kind::kList:
      break;
  }
  return ListColumn(batch, wanted, options);
}

Result<FieldColumn> MakeColumn(const dgram::DgramBatch& batch, const FieldPath& path,
                               const ColumnOptions& options) try {
  if (batch.empty()) {
    return status::Invalid("column ", path.ToString(), " of a batch without datagrams");
  }
  ALKAID_ASSIGN_OR_RAISE(const auto wanted, internal::ResolvedField::Resolve(
                                                batch.origin()->configuration.get(), path));
  return internal::MakeColumn(batch, wanted, options);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::columns
