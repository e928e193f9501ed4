#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "alkaid/base/file_descriptor_internal.h"

namespace alkaid::internal {

int AboveStandardStreams(int fd) {
  if (fd < 0 || fd > STDERR_FILENO) return fd;
  const int above = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  const int error = errno;
  ::close(fd);
  errno = error;
  return above;
}

}  // namespace alkaid::internal
