// The loop of every file read and write, and the names of files that are not regular. Threads: as
// the given transfer. Allocates nothing.
#pragma once

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

namespace alkaid::io::internal {

// Bytes. Linux transfers at most 2 GiB less a page at once; a round number below that keeps later
// transfers aligned.
inline constexpr int64_t kMaxTransfer = int64_t{1} << 30;

struct TransferResult {
  int64_t count;  // bytes done
  int error;      // errno of what stopped it early; 0 at success or at the end of the file
};

// Calls `transfer(done, count)`, which wraps pread or pwrite, until `nbytes` are done, it returns
// 0, or it fails for a reason other than an interrupt.
template <typename Transfer>
TransferResult TransferAll(int64_t nbytes, Transfer transfer) {
  int64_t done = 0;
  while (done < nbytes) {
    const int64_t count = transfer(done, std::min(nbytes - done, kMaxTransfer));
    if (count == 0) break;
    if (count > 0) {
      done += count;
    } else if (errno != EINTR) {
      return {done, errno};
    }
  }
  return {done, 0};
}

// For messages.
inline const char* KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return S_ISCHR(mode) || S_ISBLK(mode) ? "a device" : "no file";
}

}  // namespace alkaid::io::internal
