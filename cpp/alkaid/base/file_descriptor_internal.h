// Descriptors that the library opens.
//
// A program may run with stdin, stdout or stderr closed. The system gives the lowest free number,
// so the next file that is opened could become one of the three, and the program's prints would
// land in it. Every descriptor that the library opens passes through AboveStandardStreams.
//
// Ownership: a FileDescriptor closes what it holds. Threads: any; one FileDescriptor, one at a
// time. Out of memory: nothing here allocates.
#pragma once

#include <unistd.h>

#include <utility>

#include "alkaid/base/export.h"

namespace alkaid::internal {

// Returns `fd` if it is above 2. If it is 0, 1 or 2, closes it and returns a duplicate above them,
// closed on exec. A negative `fd` is returned with errno as it is. Returns -1 with errno, and
// closes `fd`, if the process may open no more descriptors.
ALKAID_EXPORT int AboveStandardStreams(int fd);

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() { Reset(); }
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    Reset(other.Release());
    return *this;
  }

  // -1 if it holds none.
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    const int before = std::exchange(fd_, fd);
    if (before >= 0) ::close(before);
  }

 private:
  int fd_ = -1;
};

}  // namespace alkaid::internal
