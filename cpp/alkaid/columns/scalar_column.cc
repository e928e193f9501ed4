#include <cstring>
#include <utility>

#include "alkaid/columns/row_walk_internal.h"
#include "alkaid/columns/scalar_column_internal.h"
#include "alkaid/columns/validity_bits_internal.h"

namespace alkaid::columns::internal {

Result<FieldColumn> ScalarColumn(const dgram::DgramBatch& batch, const ResolvedField& wanted,
                                 const ColumnOptions& options) {
  const auto element = static_cast<size_t>(dgram::DataTypeSize(wanted.type.type));
  ALKAID_ASSIGN_OR_RAISE(
      std::shared_ptr<Buffer> values,
      AllocateBuffer(batch.size() * static_cast<int64_t>(element), options.pool));
  ValidityBits validity(batch.size(), options.pool);
  uint8_t* out = values->mutable_data();
  int64_t rows = 0;
  Status status;
  ALKAID_RETURN_NOT_OK(
      ForEachRow(batch, wanted, options, [&](const dgram::Dgram&, const dgram::FieldView* field) {
        if (field != nullptr) {
          std::memcpy(out, field->data(), element);
        } else {
          std::memset(out, 0, element);
          status = validity.SetNull(rows);
        }
        out += element;
        ++rows;
        return status.ok();
      }));
  ALKAID_RETURN_NOT_OK(status);
  FieldColumn column;
  column.field = FieldOf(wanted.type, wanted.name, options.large_lists, options.binary_text);
  column.array = interop::MakeFixedWidth(rows, std::move(values));
  column.array.null_count = validity.nulls();
  column.array.buffers[0] = validity.Finish();
  column.copied_bytes = (rows - validity.nulls()) * static_cast<int64_t>(element);
  column.why_copied = "scalars lie apart, and are gathered";
  return column;
}

}  // namespace alkaid::columns::internal
