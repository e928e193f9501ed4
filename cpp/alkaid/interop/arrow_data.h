// Field and ArrayData: Arrow's columns as Buffers, for exchange with other libraries.
//
// No kernels and no type objects. A type is its format string, such as "i" for int32, "b" for bits,
// "u" for text, "+vl" for a list view; see the table at
// https://arrow.apache.org/docs/format/CDataInterface.html#data-type-description-format-strings.
// Buffers and children are in the order of https://arrow.apache.org/docs/format/Columnar.html.
// Supported: null, boolean, fixed width (numbers, decimals, dates, times, fixed binary), text and
// binary with offsets and as views, lists, list views, fixed lists, structs.
//
// Ownership: they hold their buffers. Threads: values that may be read from any thread. Out of
// memory: copies throw std::bad_alloc; functions that return a Result give kResourceExhausted.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/interop/tensor.h"

namespace alkaid::interop {

struct Field {
  std::string format;
  std::string name;
  std::vector<std::pair<std::string, std::string>> metadata;
  bool nullable = true;
  std::vector<Field> children;
};

struct ArrayData {
  int64_t length = 0;
  int64_t null_count = -1;  // -1: not known
  int64_t offset = 0;       // elements of the buffers before the array's first one
  // An entry is null if the layout allows a buffer to be missing, as the validity bitmap. Arrays of
  // views have further entries: the buffers with their text.
  std::vector<std::shared_ptr<Buffer>> buffers;
  std::vector<ArrayData> children;
};

// The format of numbers: ints and uints of up to 64 bits, floats of 16 to 64, and bools of a byte,
// which become "C" since Arrow's are bits. kUnimplemented for others.
ALKAID_EXPORT Result<std::string> FormatOf(ElementType type);

// Checks that the type is supported, that buffers and children exist and hold as many elements as
// the lengths say, and, if the CPU can read them, that offsets stay within their target.
// kUnimplemented, naming the format; kInvalidArgument, naming the column, the buffer and both
// sizes.
ALKAID_EXPORT Status Validate(const Field& field, const ArrayData& array);

// An array of `length` fixed-width elements in `values`, none of them null.
ALKAID_EXPORT ArrayData MakeFixedWidth(int64_t length, std::shared_ptr<Buffer> values,
                                       std::shared_ptr<Buffer> validity = nullptr);

}  // namespace alkaid::interop
