#include "tools/dgram/field_digest.h"

#include <algorithm>

namespace alkaid::tools {
namespace {

// Separates the parts of a line.
constexpr char kSeparator = '|';
// No name contains a NUL, as names end at their first one.
constexpr char kSeparatorInAName = '\0';

}  // namespace

void FieldDigest::AddName(const std::string& name) {
  const size_t start = line_.size();
  line_ += name;
  std::replace(line_.begin() + static_cast<std::ptrdiff_t>(start), line_.end(), kSeparator,
               kSeparatorInAName);
  line_ += kSeparator;
}

Status FieldDigest::Add(const dgram::Dgram& dgram) {
  return dgram::ForEachField(dgram,
                             [&](const dgram::ShapesData& data, const dgram::FieldView& field) {
                               const dgram::Names& names = data.names();
                               line_.clear();
                               absl::StrAppend(&line_, dgram.index(), "|");
                               AddName(names.detector());
                               absl::StrAppend(&line_, names.segment(), "|");
                               AddName(names.algorithm().name);
                               AddName(field.name());
                               absl::StrAppend(&line_, dgram::DataTypeName(field.type()), "|");
                               if (field.rank() == 0) line_ += "scalar";
                               for (int i = 0; i < field.rank(); ++i) {
                                 absl::StrAppend(&line_, i == 0 ? "" : "x", field.dim(i));
                               }
                               line_ += '|';
                               hash_.Update(line_.data(), line_.size());
                               hash_.Update(field.data(), static_cast<size_t>(field.nbytes()));
                               hash_.Update("\n", 1);
                             });
}

}  // namespace alkaid::tools
