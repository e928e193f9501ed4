#include "tools/dgram/field_digest.h"

namespace alkaid::tools {

Status FieldDigest::Add(const dgram::Dgram& dgram) {
  return dgram::ForEachField(
      dgram, [&](const dgram::ShapesData& data, const dgram::FieldView& field) {
        const dgram::Names& names = data.names();
        line_.clear();
        absl::StrAppend(&line_, dgram.index(), "|", names.detector(), "|", names.segment(), "|",
                        names.algorithm().name, "|", field.name(), "|",
                        dgram::DataTypeName(field.type()), "|");
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
