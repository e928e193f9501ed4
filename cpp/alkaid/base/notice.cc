#include <unistd.h>

#include "alkaid/base/notice_internal.h"

namespace alkaid::internal {

void Notice(const std::string& text) {
  const std::string line = "alkaid: " + text + "\n";
  // Whom could one tell that stderr does not work?
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

std::string MessageOf(const Status& status) {
  return std::string(status.message().data(), status.message().size());
}

}  // namespace alkaid::internal
