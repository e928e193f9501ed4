#include "alkaid/core/files/open_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "alkaid/base/file_descriptor_internal.h"

namespace alkaid::io {
namespace {

using alkaid::internal::AboveStandardStreams;
using alkaid::internal::FileDescriptor;

constexpr int kPlain = O_RDONLY | O_NOCTTY | O_CLOEXEC;

int OpenAbove(const char* path, int flags) {
  int fd;
  do {
    fd = ::open(path, flags);
  } while (fd < 0 && errno == EINTR);
  return AboveStandardStreams(fd);
}

bool IsRegular(int fd) {
  struct stat info;
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

// Waits, but only for a lease: the file is held by an O_PATH descriptor meanwhile, so that no FIFO
// can take its place. Returns -1 with EWOULDBLOCK if it is not a regular file.
int OpenLeased(const char* path) {
  const FileDescriptor named(OpenAbove(path, O_PATH | O_CLOEXEC));
  if (!named.valid()) return -1;
  if (!IsRegular(named.get())) {
    errno = EWOULDBLOCK;
    return -1;
  }
  std::array<char, 40> link;
  std::snprintf(link.data(), link.size(), "/proc/self/fd/%d", named.get());
  const int fd = OpenAbove(link.data(), kPlain);
  // Without /proc only the name is left.
  return fd < 0 && errno == ENOENT ? OpenAbove(path, kPlain) : fd;
}

}  // namespace

int OpenInput(const char* path) {
  const int fd = OpenAbove(path, kPlain | O_NONBLOCK);
  if (fd < 0) return errno == EWOULDBLOCK ? OpenLeased(path) : -1;
  // Storage that brings a file back from tape would obey O_NONBLOCK and fail. Of the flags set, it
  // is the only one that can be changed.
  if (IsRegular(fd)) ::fcntl(fd, F_SETFL, kPlain);
  return fd;
}

}  // namespace alkaid::io
