#include "tools/support/standard_streams.h"

#include <fcntl.h>
#include <unistd.h>

namespace alkaid::tools {

void HoldStandardStreams() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // open() takes the lowest free number, which is this one.
    if (::open("/", O_PATH | O_CLOEXEC) < 0) return;
  }
}

}  // namespace alkaid::tools
