#include "alkaid/base/version.h"

#include <string_view>

namespace alkaid {

static_assert(std::string_view(ALKAID_VERSION_STRING) == ALKAID_CMAKE_VERSION,
              "version.h and project(VERSION) in CMakeLists.txt differ");
static_assert(ALKAID_VERSION_MAJOR == ALKAID_CMAKE_VERSION_MAJOR);
static_assert(ALKAID_VERSION_MINOR == ALKAID_CMAKE_VERSION_MINOR);
static_assert(ALKAID_VERSION_PATCH == ALKAID_CMAKE_VERSION_PATCH);

const char* Version() noexcept { return ALKAID_VERSION_STRING; }

}  // namespace alkaid
