#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "alkaid/columns/resolved_field_internal.h"

namespace alkaid::columns::internal {
namespace {

// How many names a message lists; there may be thousands.
constexpr size_t kMaxNamed = 16;

class List {
 public:
  void Add(const std::string& name) {
    if (++count_ > kMaxNamed) return;
    absl::StrAppend(&text_, text_.empty() ? "" : ", ", name);
  }
  std::string Text() && {
    if (count_ == 0) return "nothing";
    if (count_ > kMaxNamed) absl::StrAppend(&text_, " and ", count_ - kMaxNamed, " more");
    return std::move(text_);
  }

 private:
  size_t count_ = 0;
  std::string text_;
};

}  // namespace

std::string WhatThereIs(const dgram::Configuration& configuration) {
  List list;
  for (const dgram::Names& names : configuration.names()) list.Add(names.ToString());
  return std::move(list).Text();
}

Result<ResolvedField> ResolvedField::Resolve(const dgram::Configuration* configuration,
                                             const FieldPath& path) try {
  ResolvedField resolved;
  resolved.name = path.ToString();
  if (configuration == nullptr) {
    return status::KeyError("field ", resolved.name, " of datagrams before any Configure");
  }
  const std::vector<const dgram::Names*> all =
      configuration->Find(path.detector, path.segment, path.algorithm);
  for (const dgram::Names* names : all) {
    const int index = names->FieldIndex(path.field);
    if (index < 0) continue;
    const dgram::Field& field = names->fields()[static_cast<size_t>(index)];
    resolved.places.push_back({names, index, {field.type, field.rank}});
  }
  if (resolved.places.empty()) {
    List fields;
    for (const dgram::Names* names : all) {
      for (const dgram::Field& field : names->fields()) fields.Add(field.name);
    }
    return status::KeyError("field ", resolved.name, " is not declared; there is ",
                            all.empty() ? WhatThereIs(*configuration) : std::move(fields).Text());
  }
  resolved.type = resolved.places.front().type;
  return resolved;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::columns::internal
