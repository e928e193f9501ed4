// Memory runs out at every point of the functions that make columns and tables
// (fixtures/failure_suite.h).
#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/columns/field_column.h"
#include "alkaid/columns/field_path.h"
#include "alkaid/columns/table.h"
#include "alkaid/columns/table_stream.h"
#include "fixtures/column_batches.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"
#include "fixtures/tried_buffers.h"
#include "fixtures/two_configurations.h"

namespace alkaid::columns {
namespace {

using failing::FailureSuite;
using failing::Objects;
using samples::Image;
using samples::L1;
using samples::OneBatch;
using samples::Wave;
using enum failing::OutOfMemory;

const FieldPath kImage{"det", 0, "raw", "image"};
const FieldPath kWave{"det", 1, "raw", "wave"};
const FieldPath kText{"det", 0, "raw", "text"};
const FieldPath kCount{"det", 0, "raw", "count"};

// Aligned images, misaligned waves, a row without either, and long text.
std::string Bytes() {
  return samples::Configure() + L1(1, Image(1, 2, "text of more than 12 bytes") + Wave(1, 2)) +
         L1(2, "") + L1(3, Image(2, 4) + Wave(2, 3));
}

std::string TextOf(const Column& column) {
  std::string text = absl::StrCat(column.field.name, " ", column.why_copied);
  for (const auto& [key, value] : column.field.metadata) absl::StrAppend(&text, key, value);
  if (column.field.format == "+s") return absl::StrCat(text, column.array.length);
  for (int64_t row = 0; row < column.array.length; ++row) {
    absl::StrAppend(&text, "|", samples::RowBytes(column, row).value_or("null"));
  }
  return text;
}

ColumnOptions OptionsFor(MemoryPool* pool) {
  ColumnOptions options;
  options.pool = pool;
  return options;
}

void TryColumn(const std::string& what, const std::string& run, const FieldPath& path,
               ColumnOptions options = {}) {
  FailureSuite::Try(
      "MakeColumn: " + what, kStatus,
      [&](MemoryPool* pool) { return Objects(pool, OneBatch(run)); },
      [&](auto& objects) -> Result<FieldColumn> {
        options.pool = objects.pool;
        return MakeColumn(objects.value, path, options);
      },
      [](auto&, const FieldColumn& column) {
        return TextOf(column) + (column.shapes.has_value() ? TextOf(*column.shapes) : "");
      });
}

TEST(ColumnsOutOfMemory, Columns) {
  TryColumn("lists in the batch", Bytes(), kImage);
  TryColumn("lists that are copied", Bytes(), kWave);
  TryColumn("text", Bytes(), kText);
  TryColumn("scalars", Bytes(), kCount);
  TryColumn("a field that is not declared", Bytes(), {"det", 0, "raw", "none"});
  TryColumn("text that is not UTF-8", Bytes() + L1(4, Image(1, 1, "\xff")), kText);
  TryColumn("a corrupt datagram",
            Bytes() + L1(4, samples::fixtures::Xtc(samples::fixtures::kShapesData, "", 9)), kImage);
  ColumnOptions options;
  options.allow_copy = false;
  TryColumn("a copy that is not allowed", Bytes(), kWave, options);
}

TEST(ColumnsOutOfMemory, Paths) {
  const auto batch = OneBatch(Bytes());
  const dgram::Configuration& declared = *batch.origin()->configuration;
  const auto try_paths = [](const char* name, const auto& call) {
    FailureSuite::Try(
        name, kStatus, [](MemoryPool* pool) { return Objects(pool, 0); },
        [&](auto&) { return call(); },
        [](auto&, const std::vector<FieldPath>& paths) {
          std::string text;
          for (const FieldPath& path : paths) absl::StrAppend(&text, path.ToString(), " ");
          return text;
        });
  };
  try_paths("AllFields", [&] { return AllFields(declared); });
  try_paths("SegmentsOf", [&] { return SegmentsOf(declared, "det", "raw", "wave"); });
  try_paths("SegmentsOf, of none", [&] { return SegmentsOf(declared, "det", "raw", "none"); });
  FailureSuite::TryText("FieldPath::ToString", kThrows, [] {
    return FieldPath{"a detector", 1, "algorithm", "field"}.ToString();
  });
}

TEST(ColumnsOutOfMemory, Tables) {
  const std::vector<FieldPath> fields = {kImage, kWave, kText, kCount};
  FailureSuite::Try(
      "MakeTable", kStatus, [](MemoryPool* pool) { return Objects(pool, OneBatch(Bytes())); },
      [&](auto& objects) { return MakeTable(objects.value, fields, OptionsFor(objects.pool)); },
      [](auto&, const Column& table) { return TextOf(table); });
}

Result<std::unique_ptr<interop::ArrayStream>> Open(const std::shared_ptr<Buffer>& run,
                                                   MemoryPool* pool) try {
  dgram::BatchReaderOptions options;
  options.pool = pool;
  options.batch_bytes = 1 << 20;
  ALKAID_ASSIGN_OR_RAISE(auto reader, dgram::BatchReader::Open(run, options));
  return OpenTable(std::move(reader), {}, OptionsFor(pool));
} catch (const std::bad_alloc&) {  // of the options that are passed
  return status::NoMemory();
}

TEST(ColumnsOutOfMemory, Streams) {
  FailureSuite::Try(
      "OpenTable", kStatus,
      [](MemoryPool* pool) { return Objects(pool, samples::fixtures::AsBuffer(Bytes())); },
      [](auto& objects) { return Open(objects.value, objects.pool); },
      [](auto&, const auto& stream) {
        return absl::StrCat(stream->field().children.size(), " columns");
      });
  // The second batch has another Configuration, whose field has another type.
  const auto try_next = [](const char* name, const std::string& run, int before) {
    FailureSuite::Try(
        name, kStatus,
        [&](MemoryPool* pool) {
          auto stream = Open(samples::fixtures::AsBuffer(run), pool).value();
          for (int i = 0; i < before; ++i) EXPECT_TRUE(stream->Next().ok());
          return Objects(pool, std::move(stream));
        },
        [](auto& objects) { return objects.value->Next(); },
        [](auto&, const auto& array) { return absl::StrCat(array->length); });
  };
  try_next("ArrayStream::Next of a table", Bytes(), 0);
  try_next("ArrayStream::Next under another Configuration", Bytes() + Bytes(), 1);
  try_next("ArrayStream::Next of a field of another type", events::fixtures::TwoConfigurations(4),
           1);
}

}  // namespace
}  // namespace alkaid::columns

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
