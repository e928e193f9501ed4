#include "tools/support/exit_code.h"

#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "alkaid/base/printable_text.h"
#include "tools/support/terminal.h"

namespace alkaid::tools {

std::string ErrorPrefix(const std::string& who) {
  return Emphasized(who, Emphasis::kBad, STDERR_FILENO);
}

int ReportStatus(const Status& status) {
  if (status.ok()) return kExitOk;
  const auto message = status.message();
  const std::string text = internal::Printable(std::string_view(message.data(), message.size()));
  std::fflush(stdout);
  std::fprintf(stderr, "%s %s\n", ErrorPrefix("alkaid:").c_str(), text.c_str());
  return status.code() == StatusCode::kDataLoss ? kExitMalformed : kExitFailure;
}

}  // namespace alkaid::tools
