#include "alkaid/dgram/not_xtc2.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram::internal {
namespace {

// The ends of the header fields that it looks at, in bytes.
constexpr int64_t kNanosecondsEnd = 4;
constexpr int64_t kServiceEnd = 12;
constexpr int64_t kContainsEnd = 20;

// What is implausible in a header; empty where it may be one.
std::string WhatIsStrange(const uint8_t* bytes, int64_t nbytes) {
  std::string strange;
  const auto add = [&](const auto&... parts) {
    absl::StrAppend(&strange, strange.empty() ? "" : ", ", parts...);
  };
  if (nbytes >= kNanosecondsEnd) {
    const auto nanoseconds = LoadUnaligned<uint32_t>(bytes);
    if (nanoseconds >= 1'000'000'000) add(nanoseconds, " nanoseconds");
  }
  if (nbytes >= kServiceEnd) {
    const int service = bytes[kServiceEnd - 1] & 0x0f;
    if (service > static_cast<int>(TransitionId::kL1Accept)) add("service ", service);
  }
  if (nbytes >= kContainsEnd) {
    const auto contains = LoadUnaligned<uint16_t>(bytes + kContainsEnd - 2);
    if (contains != static_cast<uint16_t>(TypeId::kParent)) add("type ", contains, " as its root");
  }
  if (nbytes >= kDgramHeaderBytes &&
      std::all_of(bytes, bytes + kDgramHeaderBytes, [](uint8_t byte) { return byte == 0; })) {
    add("only zeros");
  }
  return strange;
}

}  // namespace

std::string WhyNotXtc2(const uint8_t* bytes, int64_t nbytes) {
  nbytes = std::min(nbytes, kDgramHeaderBytes);
  const std::string strange = WhatIsStrange(bytes, nbytes);
  if (strange.empty()) return {};
  const std::string_view text(reinterpret_cast<const char*>(bytes), static_cast<size_t>(nbytes));
  return absl::StrCat("not an XTC2 file: it begins with \"", alkaid::internal::Printable(text),
                      "\", where the header of a datagram would have ", strange);
}

}  // namespace alkaid::dgram::internal
