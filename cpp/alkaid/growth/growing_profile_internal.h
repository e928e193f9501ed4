// A leak profile's file that grows while its process runs: a process that is killed leaves a file
// with all stamps that it took.
//
// The file is a NumPy array at every moment, for numpy.load, for mmap_mode and for ReadLeakProfile:
// a stamp's row is written first, and then the count of rows in the header, one aligned word
// (npy_header_internal.h). So a reader sees either the old count of rows or the new one. Rows past
// the count are not part of the array.
//
// While the object lives it holds a lock on the file (leak_profile_run.h). A program may close
// descriptors that it did not open, so each write first checks the descriptor, and opens the file
// again by its name where it was closed.
//
// Ownership: owns its descriptor; the file stays. Threads: one at a time. Out of memory:
// kResourceExhausted from Make, which may leave a file without stamps; the other functions need
// memory only for messages.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/base/status.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/growth/memory_stamp.h"

namespace alkaid::growth {

class GrowingProfile {
 public:
  // Replaces a regular file of that name. kFailedPrecondition for a pipe or a device, which is not
  // opened, and where another process has made such a file of that name meanwhile. Otherwise fails
  // like WriteLeakProfile.
  ALKAID_EXPORT static Result<std::unique_ptr<GrowingProfile>> Make(const std::string& path,
                                                                    const LeakProfileRun& run);

  ~GrowingProfile() { Leave(); }
  GrowingProfile(const GrowingProfile&) = delete;
  GrowingProfile& operator=(const GrowingProfile&) = delete;

  // For callers that write from several threads.
  std::mutex& lock() { return lock_; }
  // Writes rows [first, first + stamps.size()); `first` is at most rows().
  ALKAID_EXPORT Status Write(size_t first, std::span<const MemoryStamp> stamps);
  size_t rows() const { return rows_.load(std::memory_order_relaxed); }
  const std::string& path() const { return path_; }
  const LeakProfileRun& run() const { return run_; }

  // Removes the file, unless another one has its name.
  ALKAID_EXPORT void Remove();
  // Closes the file and writes nothing more. For a forked child, since the file is its parent's.
  // Needs no memory, and no lock there.
  ALKAID_EXPORT void Leave();

 private:
  GrowingProfile(std::string path, LeakProfileRun run)
      : path_(std::move(path)), run_(std::move(run)) {}
  std::string Header() const;  // with a count of 0
  Status Open();
  bool IsOurs(int fd) const;

  const std::string path_;
  const LeakProfileRun run_;
  internal::FileDescriptor file_;
  bool left_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  off_t data_offset_ = 0;
  std::atomic<size_t> rows_{0};
  std::mutex lock_;
};

}  // namespace alkaid::growth
