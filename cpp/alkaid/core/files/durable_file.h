// DurableFileOutputStream: a file that exists as a whole, or not at all.
//
//   ALKAID_ASSIGN_OR_RAISE(auto file, io::DurableFileOutputStream::Open("run.xtc2"));
//   ALKAID_RETURN_NOT_OK(file->Write(bytes));
//   ALKAID_RETURN_NOT_OK(file->Close());  // only now does run.xtc2 exist
//
// Bytes go into a temporary file beside the final one, ".run.xtc2.<process>-<boot>-<random>.tmp".
// Close then does three steps:
//   1. it brings the bytes to the disk (fsync),
//   2. gives the file its name (rename),
//   3. and brings the name to the disk (fsync of the directory).
// Before Close, and after any failure, a file of that name stays as it was, and no new one appears.
// A stream that is abandoned or destroyed removes its temporary file. A process that is killed
// leaves it. The next stream of that name removes it if its writer ran on this host since the last
// boot and its lock is free (temporary_file_internal.h). One that another host left in a shared
// folder stays.
//
// A symbolic link is followed, and the file that it leads to is replaced. In a folder to which
// everyone may write, such as /tmp, three things are refused with kPermissionDenied unless they
// belong to the user of this process, to root or to the folder's owner: a link to follow, a pipe or
// device to open, and, if the folder is sticky, a file to replace. The same holds for folders on
// the way. No output is ever opened as descriptor 0, 1 or 2, where prints would land in it.
//
// What exists but is not a regular file (/dev/null, a pipe), and an open file under /proc
// (/dev/stdout), cannot be replaced. It is opened for appending, and bytes are written to it as
// they come. Writing may then wait for a reader, without limit; so may opening, unless
// PipeReader::kThere is given. A signal whose handler was installed without SA_RESTART ends the
// wait, with EINTR's kUnavailable. No other call here is ended by a signal.
//
// The new file takes the permissions of the file that it replaces, and its owner and group if the
// process may set them. If it may not, the group gets no more rights than others have. A kOwnerOnly
// file is always for its owner alone.
//
// Ownership: owns its descriptors and the temporary file.
// Threads: one at a time.
// Out of memory: kResourceExhausted from Open and CreateFileIfAbsent, which then made nothing.
// Errors: as errno maps, with the path. After a write that failed, every later call reports that
// failure.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"

struct stat;

namespace alkaid::io {

namespace internal {
struct OutputPath;
}

// Who may open the new file.
enum class FileAccess {
  kUsual,      // 0666 less the umask, or as the file that it replaces
  kOwnerOnly,  // 0600, for what may hold secrets
};

// What Open does about a pipe that has no reader. A pipe is written directly.
enum class PipeReader {
  kAwaited,  // Open waits for a reader
  kThere,    // Open fails with what ENXIO maps to
};

class ALKAID_EXPORT DurableFileOutputStream final : public OutputStream {
 public:
  // An error names a directory that is missing or not writable.
  static Result<std::shared_ptr<DurableFileOutputStream>> Open(
      const std::string& path, FileAccess access = FileAccess::kUsual,
      PipeReader reader = PipeReader::kAwaited);
  ~DurableFileOutputStream() override;

  // kInvalidArgument once closed or abandoned.
  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override;
  Result<int64_t> Tell() const override;

  // Gives the file its name, or removes what was written and reports why. A second Close returns
  // the same status; Close of an abandoned stream does nothing. If only the fsync of the directory
  // failed, Close reports the failure although the file has its name.
  Status Close() override;
  // Removes what was written. Bytes written directly to a pipe or device cannot be taken back.
  void Abandon();
  // The same.
  Status Abort() override;
  bool closed() const override { return fd_ < 0; }

  // As given to Open.
  const std::string& name() const { return name_; }
  // Whether bytes go directly to `name`, which is not a regular file.
  bool straight() const { return straight_; }

 private:
  explicit DurableFileOutputStream(std::string name) : name_(std::move(name)) {
    set_mode(FileMode::WRITE);
  }
  Status OpenStraight(const internal::OutputPath& output, PipeReader reader);
  Status OpenTemporary(const internal::OutputPath& output, FileAccess access);
  Status Inherit(const struct stat& replaced);
  Status Finish();

  const std::string name_;
  int fd_ = -1;
  bool straight_ = false;
  bool pipe_ = false;
  int64_t position_ = 0;
  Status failure_;
  // The directory in which the temporary file becomes `final_name_`; -1 if there is none.
  int directory_fd_ = -1;
  std::string final_name_;
  std::string temporary_name_;
};

// Makes a file of these bytes if the name is free; kOk also if it is taken. Links are followed, or
// refused, as above. The name appears before the bytes: for files that must be visible at once. If
// the bytes cannot be written the file is removed.
ALKAID_EXPORT Status CreateFileIfAbsent(const std::string& path, std::string_view content);

}  // namespace alkaid::io
