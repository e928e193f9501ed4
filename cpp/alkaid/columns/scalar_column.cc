#include <cstring>
#include <utility>

#include "alkaid/columns/row_walk_internal.h"
#include "alkaid/columns/scalar_column_internal.h"
#include "alkaid/columns/validity_bits_internal.h"

namespace alkaid::columns::internal {

namespace {

struct Gathering {
  bool Add(const Cell& cell) {
    if (cell.data != nullptr) return AddRun(cell.data, 0, 1, cell);
    std::memset(out, 0, element);
    out += element;
    status = validity.SetNull(rows++);
    return status.ok();
  }
  bool AddRun(const uint8_t* data, int64_t stride, int64_t count, const Cell& /*like*/) {
    rows += count;
    for (; count > 0; --count, data += stride, out += element) std::memcpy(out, data, element);
    return true;
  }

  const size_t element;
  uint8_t* out;
  ValidityBits validity;
  int64_t rows = 0;
  Status status = {};
};

}  // namespace

Result<FieldColumn> ScalarColumn(const dgram::DgramBatch& batch, const ResolvedField& wanted,
                                 const ColumnOptions& options) {
  const int64_t element = dgram::DataTypeSize(wanted.type.type);
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> values,
                         AllocateBuffer(batch.size() * element, options.pool));
  Gathering gathering{static_cast<size_t>(element), values->mutable_data(),
                      ValidityBits(batch.size(), options.pool)};
  ALKAID_RETURN_NOT_OK(ForEachRow(batch, wanted, options, &gathering));
  ALKAID_RETURN_NOT_OK(gathering.status);
  const int64_t rows = gathering.rows;
  ValidityBits& validity = gathering.validity;
  FieldColumn column;
  column.field = FieldOf(wanted.type, wanted.name, options.large_lists, options.binary_text);
  column.array = interop::MakeFixedWidth(rows, std::move(values));
  column.array.null_count = validity.nulls();
  column.array.buffers[0] = validity.Finish();
  column.copied_bytes = (rows - validity.nulls()) * element;
  column.why_copied = "scalars are not contiguous, so they are gathered";
  return column;
}

}  // namespace alkaid::columns::internal
