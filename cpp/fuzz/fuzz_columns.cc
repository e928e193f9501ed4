// Any bytes, as a source of datagrams: each field of each batch as a column must show the same as
// views of the datagrams, or be refused like them. A column compares datagrams with an earlier one
// where a view walks over each.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "alkaid/columns/field_column.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/interop/arrow_data.h"
#include "fuzz/dgram_mutator.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

using alkaid::Buffer;
using alkaid::Status;
using alkaid::StatusCode;
using alkaid::columns::ColumnOptions;
using alkaid::columns::FieldColumn;
using alkaid::columns::FieldPath;
using alkaid::dgram::BatchReader;
using alkaid::dgram::BatchReaderOptions;
using alkaid::dgram::Dgram;
using alkaid::dgram::DgramBatch;
using alkaid::dgram::FieldHandle;
using alkaid::dgram::HeldField;

void Require(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

template <typename T>
T ValueAt(const std::shared_ptr<Buffer>& buffer, int64_t index) {
  return alkaid::dgram::LoadUnaligned<T>(buffer->data() + index * static_cast<int64_t>(sizeof(T)));
}

bool IsNull(const FieldColumn& column, int64_t row) {
  const auto& validity = column.array.buffers[0];
  return validity != nullptr && (validity->data()[row / 8] >> (row % 8) & 1) == 0;
}

// The bytes that a row shows, and their number.
std::pair<const uint8_t*, int64_t> Shown(const FieldColumn& column, int64_t row, int element) {
  const auto& buffers = column.array.buffers;
  if (column.field.format == "vz") {
    const auto size = ValueAt<int32_t>(buffers[1], 4 * row);
    if (size <= 12) return {buffers[1]->data() + 16 * row + 4, size};
    const auto slice = static_cast<size_t>(ValueAt<int32_t>(buffers[1], 4 * row + 2));
    return {buffers[slice + 2]->data() + ValueAt<int32_t>(buffers[1], 4 * row + 3), size};
  }
  if (!column.shapes.has_value()) return {buffers[1]->data() + row * element, element};
  const bool large = column.field.format == "+vL";
  const auto word = [&](size_t i) {
    return large ? ValueAt<int64_t>(buffers[i], row) : ValueAt<int32_t>(buffers[i], row);
  };
  return {column.array.children[0].buffers[1]->data() + word(1) * element, word(2) * element};
}

void RequireSame(const FieldColumn& column, int64_t row, const HeldField& field) {
  const auto [data, nbytes] = Shown(column, row, field.field().element_size());
  int64_t wanted = field.nbytes();
  if (field.type() == alkaid::dgram::DataType::kCharStr) {
    wanted = static_cast<int64_t>(field.String()->size());
  }
  Require(nbytes == wanted &&
              (nbytes == 0 || std::memcmp(data, field.data(), static_cast<size_t>(nbytes)) == 0),
          "a row shows other elements than a view");
  if (!column.shapes.has_value()) return;
  for (int i = 0; i < field.rank(); ++i) {
    Require(ValueAt<uint32_t>(column.shapes->array.children[0].buffers[1],
                              row * field.rank() + i) == field.dim(i),
            "a row has another shape than a view");
  }
}

void CheckField(const DgramBatch& batch, const FieldPath& path, const ColumnOptions& options) {
  const auto handle =
      batch.origin()->configuration->Find(path.detector, path.segment, path.algorithm, path.field);
  Require(handle.ok(), "a field that is declared is not found");
  const auto column = MakeColumn(batch, path, options);
  if (column.status().code() == StatusCode::kFailedPrecondition) return;  // two types
  if (column.ok()) {
    const Status valid = Validate(column->field, column->array);
    Require(valid.ok(), valid.ToString().c_str());
  }
  int64_t row = 0;
  for (const Dgram& dgram : batch) {
    if (options.rows == alkaid::columns::Rows::kL1Accepts && !dgram.is_l1_accept()) continue;
    const auto field = FindField(dgram, *handle);
    if (field.status().code() == StatusCode::kDataLoss) {
      Require(column.status() == field.status(), "a column takes what a view refuses");
      return;
    }
    if (column.ok()) {
      Require(row < column->array.length, "a column has fewer rows than there are");
      Require(IsNull(*column, row) == !field.ok(), "a row is null where a view is not");
      if (field.ok()) RequireSame(*column, row, *field);
    }
    ++row;
  }
  Require(column.ok() && column->array.length == row, "a column is not of the rows of views");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const uint8_t how = size == 0 ? 0 : data[0];
  ColumnOptions options;
  options.binary_text = true;
  options.allow_misaligned = (how & 1) != 0;
  options.large_lists = (how & 2) != 0;
  if ((how & 4) != 0) options.rows = alkaid::columns::Rows::kAllDatagrams;
  BatchReaderOptions reading;
  reading.require_configuration = false;
  const auto reader =
      BatchReader::Open(std::make_shared<Buffer>(data, static_cast<int64_t>(size)), reading);
  Require(reader.ok(), "a reader cannot be opened");
  for (auto batch = (*reader)->Next(); batch.ok() && !batch->empty(); batch = (*reader)->Next()) {
    const auto& configuration = batch->origin()->configuration;
    if (configuration == nullptr) continue;
    const auto paths = alkaid::columns::AllFields(*configuration);
    Require(paths.ok(), "fields cannot be listed");
    for (const FieldPath& path : *paths) CheckField(*batch, path, options);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  return alkaid::dgram::MutateDgrams(data, size, most, seed, LLVMFuzzerMutate);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* a, size_t a_size, const uint8_t* b,
                                            size_t b_size, uint8_t* out, size_t most,
                                            unsigned seed) {
  return alkaid::dgram::CrossDgrams(a, a_size, b, b_size, out, most, seed);
}
