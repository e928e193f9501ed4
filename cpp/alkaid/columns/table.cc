#include "alkaid/columns/table.h"

#include <cstdint>
#include <limits>
#include <new>
#include <set>
#include <string>
#include <utility>

#include "alkaid/columns/field_column_internal.h"
#include "alkaid/columns/row_walk_internal.h"
#include "alkaid/columns/table_internal.h"

namespace alkaid::columns {
namespace internal {
namespace {

using dgram::Dgram;
using dgram::DgramBatch;

// A column of one value from the datagrams' headers.
template <typename T>
struct HeaderColumn {
  const char* name;
  const char* format;
  T (*value)(const Dgram&);
};

constexpr HeaderColumn<int64_t> kIndex = {"index", "l", [](const Dgram& d) { return d.index(); }};
constexpr HeaderColumn<int64_t> kOffset = {"offset", "l",
                                           [](const Dgram& d) { return d.offset(); }};
constexpr HeaderColumn<uint64_t> kTimestamp = {
    "timestamp", "L", [](const Dgram& d) { return d.timestamp().value(); }};
constexpr HeaderColumn<uint8_t> kService = {
    "service", "C", [](const Dgram& d) { return static_cast<uint8_t>(d.service()); }};
constexpr HeaderColumn<uint16_t> kReadoutGroups = {
    "readout_groups", "S", [](const Dgram& d) { return d.header().readout_groups(); }};
constexpr HeaderColumn<uint16_t> kDamage = {"damage", "S",
                                            [](const Dgram& d) { return d.damage().value(); }};

template <typename Visit>
Status ForEachHeaderColumn(const Visit& visit) {
  ALKAID_RETURN_NOT_OK(visit(kIndex));
  ALKAID_RETURN_NOT_OK(visit(kOffset));
  ALKAID_RETURN_NOT_OK(visit(kTimestamp));
  ALKAID_RETURN_NOT_OK(visit(kService));
  ALKAID_RETURN_NOT_OK(visit(kReadoutGroups));
  return visit(kDamage);
}

// Counts the rows of the batch once: only `take` knows how many it takes.
int64_t CountRows(const DgramBatch& batch, const ColumnOptions& options) {
  int64_t rows = 0;
  for (const Dgram& dgram : batch) rows += IsRow(dgram, options);
  return rows;
}

template <typename T>
Result<interop::ArrayData> Gather(const HeaderColumn<T>& column, const DgramBatch& batch,
                                  int64_t rows, const ColumnOptions& options) {
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> values,
                         AllocateBuffer(rows * static_cast<int64_t>(sizeof(T)), options.pool));
  T* const out = reinterpret_cast<T*>(values->mutable_data());
  int64_t row = 0;
  for (const Dgram& dgram : batch) {
    if (row == rows) break;
    if (IsRow(dgram, options)) out[row++] = column.value(dgram);
  }
  return interop::MakeFixedWidth(row, std::move(values));
}

bool HasShapes(const ColumnType& type) {
  return type.kind() == ColumnType::Kind::kList && type.rank > 1;
}

}  // namespace

Result<TableType> TableType::Make(std::shared_ptr<const dgram::Configuration> configuration,
                                  const std::vector<FieldPath>& fields,
                                  const ColumnOptions& options) {
  TableType table;
  table.configuration_ = std::move(configuration);
  table.field_.format = "+s";
  table.field_.nullable = false;
  std::vector<interop::Field>& children = table.field_.children;
  ALKAID_RETURN_NOT_OK(ForEachHeaderColumn([&](const auto& column) -> Status {
    interop::Field field;
    field.name = column.name;
    field.format = column.format;
    field.nullable = false;
    children.push_back(std::move(field));
    return absl::OkStatus();
  }));
  std::set<std::string> seen;
  for (const FieldPath& path : fields) {
    ALKAID_ASSIGN_OR_RAISE(ResolvedField resolved,
                           ResolvedField::Resolve(table.configuration_.get(), path));
    if (!seen.insert(resolved.name).second) {
      return status::Invalid("field ", resolved.name, " is named twice for one table");
    }
    const ColumnType type = resolved.type;
    children.push_back(FieldOf(type, resolved.name, options.large_lists, options.binary_text));
    if (HasShapes(type)) children.push_back(ShapeFieldOf(type.rank, resolved.name));
    table.wanted_.push_back({path, type, std::move(resolved)});
  }
  return table;
}

Status TableType::ResolveAgain(const DgramBatch& batch, const ColumnOptions& options) {
  const std::shared_ptr<const dgram::Configuration>& latest = batch.origin()->configuration;
  std::vector<ResolvedField> all;
  for (const Wanted& wanted : wanted_) {
    auto resolved = ResolvedField::Resolve(latest.get(), wanted.path);
    if (!resolved.ok() && resolved.status().code() != StatusCode::kNotFound) {
      return resolved.status();
    }
    ResolvedField field;
    field.name = wanted.field.name;
    if (resolved.ok()) field = *std::move(resolved);
    if (!field.places.empty() && field.type != wanted.type) {
      for (const Dgram& dgram : batch) {
        if (IsRow(dgram, options)) return TypeChanged(dgram, field.name, field.type, wanted.type);
      }
    }
    field.type = wanted.type;
    all.push_back(std::move(field));
  }
  for (size_t i = 0; i < all.size(); ++i) wanted_[i].field = std::move(all[i]);
  configuration_ = latest;
  return absl::OkStatus();
}

Result<Column> TableType::Make(const DgramBatch& batch, const ColumnOptions& options) {
  if (batch.origin()->configuration != configuration_) {
    ALKAID_RETURN_NOT_OK(ResolveAgain(batch, options));
  }
  if (!options.large_lists && batch.nbytes() > std::numeric_limits<int32_t>::max()) {
    return status::IndexError("a table of a batch of ", batch.nbytes(), " bytes, above ",
                              std::numeric_limits<int32_t>::max(), ", needs large_lists");
  }
  Column table;
  table.field = field_;
  table.array.length = CountRows(batch, options);
  table.array.null_count = 0;
  table.array.buffers = {nullptr};
  std::vector<interop::ArrayData>& children = table.array.children;
  ALKAID_RETURN_NOT_OK(ForEachHeaderColumn([&](const auto& column) -> Status {
    ALKAID_ASSIGN_OR_RAISE(interop::ArrayData array,
                           Gather(column, batch, table.array.length, options));
    children.push_back(std::move(array));
    return absl::OkStatus();
  }));
  for (const Wanted& wanted : wanted_) {
    ALKAID_ASSIGN_OR_RAISE(FieldColumn column, MakeColumn(batch, wanted.field, options));
    children.push_back(std::move(column.array));
    if (HasShapes(wanted.type)) children.push_back(std::move(column.shapes->array));
    table.copied_bytes += column.copied_bytes;
    if (table.why_copied.empty()) table.why_copied = std::move(column.why_copied);
  }
  for (const interop::ArrayData& child : children) {
    if (child.length == table.array.length) continue;
    return status::FailedPrecondition(
        "the options of a table select other datagrams when called again: ", child.length,
        " instead of ", table.array.length);
  }
  return table;
}

}  // namespace internal

Result<Column> MakeTable(const dgram::DgramBatch& batch, const std::vector<FieldPath>& fields,
                         const ColumnOptions& options) try {
  if (batch.empty()) return status::Invalid("a table of a batch without datagrams");
  ALKAID_ASSIGN_OR_RAISE(auto type,
                         internal::TableType::Make(batch.origin()->configuration, fields, options));
  return type.Make(batch, options);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::columns
