// DurableFileOutputStream: a file that is there whole, or not at all.
//
//   ALKAID_ASSIGN_OR_RAISE(auto file, io::DurableFileOutputStream::Open("run.xtc2"));
//   ALKAID_RETURN_NOT_OK(file->Write(bytes));
//   ALKAID_RETURN_NOT_OK(file->Close());  // only now is there a run.xtc2
//
// Bytes go into a temporary file beside the final one, ".run.xtc2.<process>-<boot>-<random>.tmp".
// Close brings them to the disk (fsync), gives the file its name (rename) and brings the name to
// the disk (fsync of the directory). Before that, and after any failure, a file that had the name
// stays as it was, and where there was none there is none. A stream that is abandoned or destroyed
// removes its temporary file. A process that is killed leaves it there, and the next stream of that
// name removes it: where its writer ran on this host since the host was started, and its lock is
// free (temporary_file_internal.h). One that another host left in a shared folder stays.
//
// A symbolic link is followed, and the file that it leads to is replaced. In a folder to which
// everyone may write, such as /tmp, only where the link belongs to the user of this process, to
// root or to the folder's owner; by the same rule a pipe or device there is not opened, nor, where
// the folder is sticky, a file replaced: kPermissionDenied. So it is for folders on the way. No
// output is ever opened as descriptor 0, 1 or 2, where prints would land in it. What exists and is
// no regular file (/dev/null, a pipe), and an open file under /proc (/dev/stdout), cannot be
// replaced: it is opened for appending and written as the bytes come. There opening and writing may
// wait for a reader as long as it likes, unless the reader of a pipe has to be there: a signal whose handler was installed without SA_RESTART
// ends the wait, with EINTR's kUnavailable. No other call here is ended by a signal.
//
// A file that is replaced gives the new one its permissions, and owner and group where the process
// may set them; where it may not, the group is granted no more than others are. A file that is for
// its owner alone is so whatever it replaces.
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

// Who may open a file that is made.
enum class FileAccess {
  kUsual,      // 0666 less the umask, or whoever could open the file that it replaces
  kOwnerOnly,  // 0600, for what may hold secrets
};

// Of a pipe that is written straight.
enum class PipeReader {
  kAwaited,  // Open waits for one
  kThere,    // Open fails where there is none, with what ENXIO maps to
};

class ALKAID_EXPORT DurableFileOutputStream final : public OutputStream {
 public:
  // A directory that is missing or may not be written is named.
  static Result<std::shared_ptr<DurableFileOutputStream>> Open(
      const std::string& path, FileAccess access = FileAccess::kUsual,
      PipeReader reader = PipeReader::kAwaited);
  ~DurableFileOutputStream() override;

  // kInvalidArgument once closed or abandoned.
  using Writable::Write;
  Status Write(const void* data, int64_t nbytes) override;
  Result<int64_t> Tell() const override;

  // Gives the file its name, or removes what was written and reports why. Closing again answers the
  // same; closing what was abandoned does nothing. When only the directory could not be brought to
  // the disk, the failure is reported though the file has its name.
  Status Close() override;
  // Removes what was written. What was written straight to a pipe or device cannot be called back.
  void Abandon();
  // The same.
  Status Abort() override;
  bool closed() const override { return fd_ < 0; }

  // As given to Open.
  const std::string& name() const { return name_; }
  // Whether bytes go straight to `name`, which is no regular file.
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
  // The directory in which the temporary file becomes `final_name_`; -1 where there is none.
  int directory_fd_ = -1;
  std::string final_name_;
  std::string temporary_name_;
};

// Makes a file of these bytes where nothing has the name yet; kOk too where something has. Links
// are followed, and not followed, as above. The bytes come after the name: for what has to be seen
// at once. Where they cannot be written the file goes again.
ALKAID_EXPORT Status CreateFileIfAbsent(const std::string& path, std::string_view content);

}  // namespace alkaid::io
