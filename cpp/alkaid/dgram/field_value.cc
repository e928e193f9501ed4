#include "alkaid/dgram/field_value.h"

#include <limits>
#include <new>
#include <string>

namespace alkaid::dgram {

FieldValue FieldValue::String(std::string_view text) {
  FieldValue field(DataType::kCharStr, static_cast<int64_t>(text.size()), 1);
  field.bytes_ = reinterpret_cast<const uint8_t*>(text.data());
  field.stored_bytes_ = (field.given_bytes_ + 1 + 3) / 4 * 4;
  // Text that a shape cannot state, or that readers would cut, matches no declaration.
  const bool cut = text.find('\0') != std::string_view::npos;
  field.shape_[0] = cut ? 0
                        : static_cast<uint32_t>(std::min<int64_t>(
                              field.stored_bytes_, std::numeric_limits<uint32_t>::max()));
  return field;
}

FieldValue::FieldValue(const FieldView& field)
    : FieldValue(field.field().is_enum() ? DataType::kInt32 : field.type(), field.nbytes(),
                 static_cast<size_t>(field.rank())) {
  if (rank_ == 0) {
    std::memcpy(scalar_.data(), field.data(), static_cast<size_t>(field.nbytes()));
    return;
  }
  bytes_ = field.data();
  for (int i = 0; i < field.rank(); ++i) {
    shape_[static_cast<size_t>(i)] = static_cast<uint32_t>(field.dim(i));
  }
}

Status FieldValue::Misfit(const Names& names, size_t index) const try {
  const Field& field = names.fields()[index];
  const DataType wanted = field.is_enum() ? DataType::kInt32 : field.type;
  if (type_ != wanted || rank_ != field.rank) {
    const std::string given =
        rank_ > kMaxRank ? absl::StrCat("above ", kMaxRank) : absl::StrCat(rank_);
    return status::Invalid("field \"", field.name, "\" of ", names.ToString(), " is ",
                           DataTypeName(field.type), " of rank ", field.rank, ", given as ",
                           DataTypeName(type_), " of rank ", given);
  }
  if (type_ == DataType::kCharStr && stored_bytes_ > std::numeric_limits<uint32_t>::max()) {
    return status::Invalid("field \"", field.name, "\" of ", names.ToString(), " given text of ",
                           given_bytes_, " bytes, a shape can state ",
                           std::numeric_limits<uint32_t>::max());
  }
  if (type_ == DataType::kCharStr && stored_bytes_ != given_bytes_) {
    const std::string_view text(reinterpret_cast<const char*>(bytes_),
                                static_cast<size_t>(given_bytes_));
    return status::Invalid("field \"", field.name, "\" of ", names.ToString(), " given text of ",
                           given_bytes_, " bytes with a NUL at ", text.find('\0'),
                           ", where readers end it");
  }
  int64_t needed = field.element_size();
  bool overflow = false;
  for (size_t i = 0; i < rank_; ++i) {
    overflow |= __builtin_mul_overflow(needed, int64_t{shape_[i]}, &needed);
  }
  return status::Invalid(
      "field \"", field.name, "\" of ", names.ToString(), " given ", stored_bytes_,
      " bytes, its shape needs ",
      overflow ? std::string("more than 64 bits can count") : absl::StrCat(needed));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
