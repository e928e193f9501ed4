// ArrowLayout: the layout of an Arrow array's elements in its buffers, by its format string.
//
// Threads: pure functions. Allocates nothing but the messages of errors.
#pragma once

#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"

namespace alkaid::interop {

// The deepest nesting of fields: what stacks can bear, here and in other libraries.
inline constexpr int kMaxArrowDepth = 64;

struct ALKAID_EXPORT ArrowLayout {
  enum class Kind {
    kNull,
    kBoolean,
    kFixedWidth,     // `width` bytes an element
    kVariable,       // offsets of `width` bytes
    kView,           // 16 bytes an element, which may point into further buffers
    kList,           // offsets of `width` bytes into the child
    kListView,       // offsets and sizes of `width` bytes into the child
    kFixedSizeList,  // `width` elements of the child
    kStruct,
  };
  Kind kind = Kind::kNull;
  int64_t width = 0;

  // kUnimplemented, naming the format, if it is not supported; kInvalidArgument for a text that is
  // not a format.
  static Result<ArrowLayout> Of(std::string_view format);

  // How many buffers each array of this kind has; views have more.
  int buffers() const;
  bool has_validity() const { return kind != Kind::kNull; }
  // -1: any number.
  int children() const;
};

}  // namespace alkaid::interop
