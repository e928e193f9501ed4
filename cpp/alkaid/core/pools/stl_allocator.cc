#include "alkaid/core/pools/stl_allocator.h"

namespace alkaid::stl {
namespace {

std::shared_ptr<const std::string> TextOf(const Status& status) try {
  return std::make_shared<const std::string>(status.ToString());
} catch (const std::bad_alloc&) {
  return nullptr;
}

}  // namespace

BadAlloc::BadAlloc(Status status) noexcept : status_(std::move(status)), text_(TextOf(status_)) {}
BadAlloc::~BadAlloc() = default;
BadAlloc::BadAlloc(const BadAlloc&) noexcept = default;
BadAlloc& BadAlloc::operator=(const BadAlloc&) noexcept = default;

const char* BadAlloc::what() const noexcept {
  return text_ != nullptr ? text_->c_str() : std::bad_alloc::what();
}

}  // namespace alkaid::stl
