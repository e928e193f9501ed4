#include "alkaid/interop/arrow_data.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>
#include <string_view>

#include "alkaid/base/checked_math.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/interop/arrow_layout_internal.h"

namespace alkaid::interop {
namespace {

using internal::Printable;
using Kind = ArrowLayout::Kind;

template <typename T>
T Load(const uint8_t* data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * static_cast<int64_t>(sizeof(T)), sizeof(T));
  return value;
}

class Validator {
 public:
  Validator(const Field& field, const ArrayData& array, int depth)
      : field_(field), array_(array), depth_(depth) {}

  Status Validate() {  // NOLINT(misc-no-recursion)
    if (depth_ > kMaxArrowDepth) return Wrong("has more than ", kMaxArrowDepth, " nested fields");
    ALKAID_ASSIGN_OR_RAISE(layout_, ArrowLayout::Of(field_.format));
    int64_t end;
    if (array_.length < 0 || array_.offset < 0 || AddOverflow(array_.offset, array_.length, &end) ||
        array_.null_count < -1 || array_.null_count > array_.length) {
      return Wrong("has ", array_.length, " elements from ", array_.offset, " on, of which ",
                   array_.null_count, " are null");
    }
    end_ = end;
    const auto least = static_cast<size_t>(layout_.buffers());
    if (array_.buffers.size() < least ||
        (array_.buffers.size() > least && layout_.kind != Kind::kView)) {
      return Wrong("has ", array_.buffers.size(), " buffers instead of ", least);
    }
    const auto children = static_cast<size_t>(std::max(layout_.children(), 0));
    if (array_.children.size() != field_.children.size() ||
        (layout_.children() >= 0 && children != array_.children.size())) {
      return Wrong("has ", array_.children.size(), " children, and its type ",
                   field_.children.size());
    }
    for (size_t i = 0; i < array_.children.size(); ++i) {
      ALKAID_RETURN_NOT_OK(
          Validator(field_.children[i], array_.children[i], depth_ + 1).Validate());
    }
    ALKAID_RETURN_NOT_OK(ValidateValidity());
    return ValidateElements();
  }

 private:
  template <typename... Args>
  Status Wrong(const Args&... args) const {
    return status::Invalid("Arrow column \"", Printable(field_.name), "\" of format \"",
                           Printable(field_.format), "\" ", args...);
  }

  const Buffer* BufferAt(int i) const { return array_.buffers[static_cast<size_t>(i)].get(); }

  // Checks that buffer `i` holds `count` elements of that many bits. A missing buffer holds none.
  Status Holds(int i, int64_t count, int64_t bits) const {
    int64_t needed;
    const int64_t present = BufferAt(i) == nullptr ? 0 : BufferAt(i)->size();
    const bool overflow = MultiplyOverflow(count, bits, &needed) || needed > INT64_MAX - 7;
    if (!overflow && (needed + 7) / 8 <= present) return absl::OkStatus();
    return Wrong("has ", present, " bytes in buffer ", i, ", and ", count, " elements of ", bits,
                 " bits do not fit there");
  }

  Status ValidateValidity() const {
    if (!layout_.has_validity()) return absl::OkStatus();
    if (BufferAt(0) != nullptr) return Holds(0, end_, 1);
    if (array_.null_count <= 0) return absl::OkStatus();
    return Wrong("has ", array_.null_count, " nulls and no bitmap that says which");
  }

  // An empty array may omit its only offset.
  int64_t OffsetCount() const {
    return array_.length == 0 && (BufferAt(1) == nullptr || BufferAt(1)->size() == 0) ? 0
                                                                                      : end_ + 1;
  }

  template <typename Offset>
  Status ValidateOffsets(int64_t most) const {
    if (OffsetCount() == 0 || !BufferAt(1)->is_cpu()) return absl::OkStatus();
    const uint8_t* const offsets = BufferAt(1)->data();
    int64_t before = 0;
    for (int64_t i = array_.offset; i <= end_; ++i) {
      const int64_t offset = Load<Offset>(offsets, i);
      if (offset < before || offset > most) {
        return Wrong("has offset ", offset, " at ", i, ", after ", before, " and with ", most,
                     " elements to point to");
      }
      before = offset;
    }
    return absl::OkStatus();
  }

  template <typename Offset>
  Status ValidateListViews(int64_t most) const {
    if (end_ == 0 || !BufferAt(1)->is_cpu() || !BufferAt(2)->is_cpu()) return absl::OkStatus();
    for (int64_t i = array_.offset; i < end_; ++i) {
      const int64_t offset = Load<Offset>(BufferAt(1)->data(), i);
      const int64_t size = Load<Offset>(BufferAt(2)->data(), i);
      if (offset < 0 || size < 0 || offset > most || size > most - offset) {
        return Wrong("has a list of ", size, " elements from ", offset, " on at ", i, ", of ",
                     most);
      }
    }
    return absl::OkStatus();
  }

  // Text of at most 12 bytes is in the view itself; else the view has a buffer's number and an
  // offset.
  Status ValidateViews() const {
    if (end_ == 0 || !BufferAt(1)->is_cpu()) return absl::OkStatus();
    const auto count = static_cast<int64_t>(array_.buffers.size()) - 2;
    for (int64_t i = array_.offset; i < end_; ++i) {
      const uint8_t* const view = BufferAt(1)->data() + 16 * i;
      const int64_t size = Load<int32_t>(view, 0);
      if (size >= 0 && size <= 12) continue;
      const int64_t number = Load<int32_t>(view, 2);
      const int64_t offset = Load<int32_t>(view, 3);
      if (size >= 0 && number >= 0 && number < count && offset >= 0) {
        const Buffer* const text = BufferAt(static_cast<int>(number) + 2);
        if (text != nullptr && offset <= text->size() && size <= text->size() - offset) continue;
      }
      return Wrong("has a view of ", size, " bytes from ", offset, " of buffer ", number, " at ", i,
                   ", of ", count);
    }
    return absl::OkStatus();
  }

  Status ValidateVariable() const {
    ALKAID_RETURN_NOT_OK(Holds(1, OffsetCount(), 8 * layout_.width));
    const int64_t most = BufferAt(2) == nullptr ? 0 : BufferAt(2)->size();
    return layout_.width == 4 ? ValidateOffsets<int32_t>(most) : ValidateOffsets<int64_t>(most);
  }

  Status ValidateElements() const {
    switch (layout_.kind) {
      case Kind::kNull:
        return absl::OkStatus();
      case Kind::kBoolean:
        return Holds(1, end_, 1);
      case Kind::kFixedWidth:
        return Holds(1, end_, 8 * layout_.width);
      case Kind::kView:
        ALKAID_RETURN_NOT_OK(Holds(1, end_, 128));
        return ValidateViews();
      case Kind::kVariable:
        return ValidateVariable();
      case Kind::kList: {
        ALKAID_RETURN_NOT_OK(Holds(1, OffsetCount(), 8 * layout_.width));
        const int64_t most = array_.children[0].length;
        return layout_.width == 4 ? ValidateOffsets<int32_t>(most) : ValidateOffsets<int64_t>(most);
      }
      case Kind::kListView: {
        ALKAID_RETURN_NOT_OK(Holds(1, end_, 8 * layout_.width));
        ALKAID_RETURN_NOT_OK(Holds(2, end_, 8 * layout_.width));
        const int64_t most = array_.children[0].length;
        return layout_.width == 4 ? ValidateListViews<int32_t>(most)
                                  : ValidateListViews<int64_t>(most);
      }
      case Kind::kFixedSizeList:
        return ValidateChildren(layout_.width);
      case Kind::kStruct:
        return ValidateChildren(1);
    }
    return absl::OkStatus();
  }

  Status ValidateChildren(int64_t each) const {
    for (const ArrayData& child : array_.children) {
      int64_t needed;
      if (MultiplyOverflow(end_, each, &needed) || needed > child.length) {
        return Wrong("needs ", each, " elements of a child for each of ", end_, ", and one has ",
                     child.length);
      }
    }
    return absl::OkStatus();
  }

  const Field& field_;
  const ArrayData& array_;
  const int depth_;
  ArrowLayout layout_;
  int64_t end_ = 0;  // offset and length
};

}  // namespace

Result<std::string> FormatOf(ElementType type) try {
  ALKAID_RETURN_NOT_OK(type.Validate());
  using TypeKind = ElementType::Kind;
  std::string_view formats;  // of 8, 16, 32 and 64 bits
  switch (type.kind) {
    case TypeKind::kInt:
      formats = "csil";
      break;
    case TypeKind::kUInt:
      formats = "CSIL";
      break;
    case TypeKind::kFloat:
      formats = " efg";
      break;
    case TypeKind::kBool:
      formats = "C";
      break;
    default:
      break;
  }
  size_t power = 0;
  while (8 << power < type.bits) ++power;
  if (type.lanes == 1 && power < formats.size()) return std::string(1, formats[power]);
  return status::NotImplemented("Arrow has no column of ", type.ToString());
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status Validate(const Field& field, const ArrayData& array) try {
  return Validator(field, array, 0).Validate();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

ArrayData MakeFixedWidth(int64_t length, std::shared_ptr<Buffer> values,
                         std::shared_ptr<Buffer> validity) {
  ArrayData array;
  array.length = length;
  if (validity == nullptr) array.null_count = 0;
  array.buffers = {std::move(validity), std::move(values)};
  return array;
}

}  // namespace alkaid::interop
