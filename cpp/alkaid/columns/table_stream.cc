#include "alkaid/columns/table_stream.h"

#include <new>
#include <optional>
#include <utility>

#include "alkaid/columns/table_internal.h"

namespace alkaid::columns {
namespace {

class TableStream final : public interop::ArrayStream {
 public:
  TableStream(std::unique_ptr<dgram::BatchSource> source, dgram::DgramBatch first,
              internal::TableType type, ColumnOptions options)
      : source_(std::move(source)),
        next_(std::move(first)),
        type_(std::move(type)),
        options_(std::move(options)) {}

  const interop::Field& field() const override { return type_.field(); }

  Result<std::optional<interop::ArrayData>> Next() override try {
    while (true) {
      if (next_.empty()) {
        ALKAID_ASSIGN_OR_RAISE(next_, source_->Next());
        if (next_.empty()) return std::nullopt;
      }
      Result<Column> table = type_.Make(next_, options_);
      if (table.status().code() != StatusCode::kResourceExhausted) next_ = {};
      if (!table.ok()) return table.status();
      if (table->array.length > 0) return std::move(table->array);
    }
  } catch (const std::bad_alloc&) {
    return status::NoMemory();
  }

 private:
  const std::unique_ptr<dgram::BatchSource> source_;
  dgram::DgramBatch next_;
  internal::TableType type_;
  const ColumnOptions options_;
};

}  // namespace

Result<std::unique_ptr<interop::ArrayStream>> OpenTable(std::unique_ptr<dgram::BatchSource> source,
                                                        std::vector<FieldPath> fields,
                                                        ColumnOptions options) try {
  if (source == nullptr) return status::Invalid("a table of a source that is null");
  ALKAID_ASSIGN_OR_RAISE(dgram::DgramBatch first, source->Next());
  if (first.empty()) return status::KeyError("a table of a source without datagrams");
  const auto& configuration = first.origin()->configuration;
  if (fields.empty() && configuration != nullptr) {
    ALKAID_ASSIGN_OR_RAISE(fields, AllFields(*configuration));
  }
  ALKAID_ASSIGN_OR_RAISE(auto type, internal::TableType::Make(configuration, fields, options));
  return std::make_unique<TableStream>(std::move(source), std::move(first), std::move(type),
                                       std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::columns
