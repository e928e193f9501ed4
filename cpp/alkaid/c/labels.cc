// The labels of c/pools.h.
#include <atomic>
#include <cstdint>

#include "alkaid/c/handles_internal.h"
#include "alkaid/c/pools.h"
#include "alkaid/core/observers/label.h"

using alkaid::Status;
using alkaid::c::Call;
using alkaid::c::CheckNeeded;

alkaid_status alkaid_label_push(const char* name, uint32_t* outer) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"name", name}, {"outer", outer}}));
    const alkaid::Label label = alkaid::Label::Intern(name);
    *outer = alkaid::internal::current_label;
    alkaid::internal::current_label = label.id();
    return absl::OkStatus();
  });
}

alkaid_status alkaid_label_pop(uint32_t outer) {
  return Call(__func__, [&]() -> Status {
    const uint32_t count = alkaid::internal::AllLabelNames().count->load(std::memory_order_acquire);
    if (outer >= count) {
      return alkaid::status::Invalid("'outer' is ", outer, ", and there are ", count, " labels");
    }
    alkaid::internal::current_label = outer;
    return absl::OkStatus();
  });
}

const char* alkaid_label_current(void) { return alkaid::Label::Current().name(); }
