#include "alkaid/dgram/field_view.h"

#include <cstring>
#include <new>

#include "alkaid/dgram/data_fault.h"

namespace alkaid::dgram {

std::shared_ptr<Buffer> FieldView::Slice() const noexcept {
  try {
    return SliceBuffer(origin_->buffer, data_ - origin_->buffer->data(), nbytes_);
  } catch (const std::bad_alloc&) {
    return origin_->buffer;
  }
}

Result<std::string_view> FieldView::String() const try {
  if (type() != DataType::kCharStr) {
    return internal::RefusalWithText(StatusCode::kInvalidArgument, "field \"", name(), "\" is ",
                                     DataTypeName(type()), ", not CHARSTR");
  }
  const char* const text = reinterpret_cast<const char*>(data_);
  return std::string_view(text, ::strnlen(text, static_cast<size_t>(nbytes_)));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status FieldView::Mismatch(int rank, DataType asked) const try {
  return internal::RefusalWithText(StatusCode::kInvalidArgument, "field \"", name(), "\" is ",
                                   DataTypeName(type()), " of rank ", this->rank(),
                                   ", requested as ", rank == 0 ? "a scalar of " : "an array of ",
                                   DataTypeName(asked));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
