#include "alkaid/base/version.h"
#include "alkaid/c/structs_internal.h"

namespace alkaid::c {

Status CheckStruct(const char* name, const void* given, size_t size, size_t known) {
  if (size < sizeof(size_t)) {
    return status::Invalid(name, " has struct_size ", size, "; set it to sizeof(", name, ")");
  }
  if (size > kMaxStructBytes) {
    return status::Invalid(name, " has struct_size ", size, ", more than ", kMaxStructBytes);
  }
  const auto* const bytes = static_cast<const uint8_t*>(given);
  for (size_t i = known; given != nullptr && i < size; ++i) {
    if (bytes[i] != 0) {
      return status::Invalid(name, " has byte ", i, " set, which Alkaid ", Version(),
                             " does not know: it knows ", known, " bytes of it");
    }
  }
  return absl::OkStatus();
}

}  // namespace alkaid::c
