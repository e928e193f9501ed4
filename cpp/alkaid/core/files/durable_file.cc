#include "alkaid/core/files/durable_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "alkaid/core/buffers/io_checks_internal.h"
#include "alkaid/core/files/file_io_internal.h"
#include "alkaid/core/files/output_path_internal.h"
#include "alkaid/core/files/temporary_file_internal.h"

namespace alkaid::io {
namespace {

template <typename Call>
int Retrying(Call call) {
  int result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

Result<std::shared_ptr<DurableFileOutputStream>> DurableFileOutputStream::Open(
    const std::string& path, FileAccess access, PipeReader reader) try {
  std::shared_ptr<DurableFileOutputStream> stream(new DurableFileOutputStream(path));
  ALKAID_ASSIGN_OR_RAISE(const internal::OutputPath output, internal::FindOutput(path));
  const bool straight = output.open_file || (output.found && !S_ISREG(output.found->st_mode));
  ALKAID_RETURN_NOT_OK(straight ? stream->OpenStraight(output, reader)
                                : stream->OpenTemporary(output, access));
  return stream;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

DurableFileOutputStream::~DurableFileOutputStream() { Abandon(); }

Status DurableFileOutputStream::OpenStraight(const internal::OutputPath& output,
                                             PipeReader reader) {
  straight_ = true;
  // Opening a pipe without a reader waits for one, or fails; a signal ends the wait.
  const int waits = reader == PipeReader::kAwaited ? 0 : O_NONBLOCK;
  fd_ = internal::OpenFound(output, O_WRONLY | O_APPEND | waits);
  if (fd_ < 0 && errno == ENXIO && waits != 0) {
    return status::IOError(errno, name_, " is a pipe without a reader");
  }
  if (fd_ >= 0 && waits != 0) ::fcntl(fd_, F_SETFL, O_APPEND);
  if (fd_ < 0) return status::IOError(errno, "cannot open ", name_, " for writing");
  struct stat info;
  pipe_ = ::fstat(fd_, &info) == 0 && S_ISFIFO(info.st_mode);
  return absl::OkStatus();
}

Status DurableFileOutputStream::OpenTemporary(const internal::OutputPath& output,
                                              FileAccess access) {
  directory_fd_ = alkaid::internal::AboveStandardStreams(Retrying(
      [&] { return ::openat(output.directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (directory_fd_ < 0) {
    return status::IOError(errno, "cannot write ", name_, ": directory ", output.directory_name);
  }
  internal::RemoveLeftovers(directory_fd_, output.file);
  final_name_ = output.file;
  const bool inherits = output.found && access == FileAccess::kUsual;
  const mode_t mode = inherits || access == FileAccess::kOwnerOnly ? 0600 : 0666;
  internal::TemporaryFile made = internal::MakeTemporaryFile(directory_fd_, output.file, mode);
  if (!made.fd.valid()) {
    ::close(std::exchange(directory_fd_, -1));
    return status::IOError(made.error, "cannot write ", name_,
                           ": no file can be created in directory ", output.directory_name);
  }
  fd_ = made.fd.Release();
  temporary_name_ = std::move(made.name);
  return inherits ? Inherit(*output.found) : absl::OkStatus();
}

// Only the owner may open the file until its permissions are those of the old one.
Status DurableFileOutputStream::Inherit(const struct stat& replaced) {
  mode_t mode = replaced.st_mode & 0777;
  const bool owned = ::fchown(fd_, replaced.st_uid, replaced.st_gid) == 0;
  if (!owned && ::fchown(fd_, static_cast<uid_t>(-1), replaced.st_gid) != 0) {
    // The group differs: it must not get what the old file's group had.
    mode &= 0707 | (mode & 07) << 3;
  }
  if (::fchmod(fd_, mode) == 0) return absl::OkStatus();
  return status::IOError(errno, "cannot give ", name_,
                         " the permissions of the file that it is to replace");
}

Status DurableFileOutputStream::Write(const void* data, int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(failure_);
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, 0, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory(name_, data, nbytes));
  const auto* bytes = static_cast<const uint8_t*>(data);
  int interrupt = 0;
  const auto written = internal::TransferAll(nbytes, [&](int64_t done, int64_t count) -> int64_t {
    // A pipe takes this many bytes as a whole or not at all. So a signal never ends the wait in the
    // middle, where it would look like a short write and the loop would wait again.
    if (pipe_) count = std::min<int64_t>(count, PIPE_BUF);
    const ssize_t put = ::write(fd_, bytes + done, static_cast<size_t>(count));
    if (put >= 0 || errno != EINTR || !straight_) return put;
    interrupt = EINTR;
    return 0;
  });
  if (written.count != nbytes) {
    const int error = written.error != 0 ? written.error : interrupt;
    failure_ = status::IOError(error != 0 ? error : EIO, "cannot write ", nbytes, " bytes at ",
                               position_, " of ", name_, ", did ", written.count);
    return failure_;
  }
  position_ += nbytes;
  return absl::OkStatus();
}

Result<int64_t> DurableFileOutputStream::Tell() const {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  return position_;
}

Status DurableFileOutputStream::Close() {
  if (closed()) return failure_;
  if (failure_.ok()) failure_ = Finish();
  const Status status = failure_;
  Abandon();
  return status;
}

Status DurableFileOutputStream::Finish() {
  if (straight_) {
    // Linux releases the descriptor whatever close() returns.
    if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) {
      return status::IOError(errno, "cannot close ", name_);
    }
    return absl::OkStatus();
  }
  if (Retrying([&] { return ::fsync(fd_); }) != 0) {
    return status::IOError(errno, "cannot sync ", name_);
  }
  // Closing reports the last errors of a network file system. The other descriptor holds the lock
  // until the file has its name.
  const int last_word = ::fcntl(fd_, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (last_word >= 0 && ::close(last_word) != 0 && errno != EINTR) {
    return status::IOError(errno, "cannot close ", name_);
  }
  if (::renameat(directory_fd_, temporary_name_.c_str(), directory_fd_, final_name_.c_str()) != 0) {
    return status::IOError(errno, "cannot give ", name_, " its name");
  }
  temporary_name_.clear();
  // EINVAL: the file system does not support fsync of directories.
  if (Retrying([&] { return ::fsync(directory_fd_); }) != 0 && errno != EINVAL) {
    return status::IOError(errno, "cannot sync the directory of ", name_);
  }
  return absl::OkStatus();
}

Status DurableFileOutputStream::Abort() {
  Abandon();
  return absl::OkStatus();
}

void DurableFileOutputStream::Abandon() {
  // Before the lock is released.
  if (!temporary_name_.empty()) ::unlinkat(directory_fd_, temporary_name_.c_str(), 0);
  temporary_name_.clear();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (directory_fd_ >= 0) ::close(std::exchange(directory_fd_, -1));
}

Status CreateFileIfAbsent(const std::string& path, std::string_view content) try {
  ALKAID_ASSIGN_OR_RAISE(const internal::OutputPath output, internal::FindOutput(path));
  if (output.found || output.open_file) return absl::OkStatus();
  const alkaid::internal::FileDescriptor file(alkaid::internal::AboveStandardStreams(Retrying([&] {
    return ::openat(output.directory.get(), output.file.c_str(),
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  })));
  if (!file.valid() && errno == EEXIST) return absl::OkStatus();
  if (!file.valid()) return status::IOError(errno, "cannot write ", path);
  const auto written =
      internal::TransferAll(static_cast<int64_t>(content.size()), [&](int64_t done, int64_t count) {
        return ::write(file.get(), content.data() + done, static_cast<size_t>(count));
      });
  if (written.count == static_cast<int64_t>(content.size())) return absl::OkStatus();
  ::unlinkat(output.directory.get(), output.file.c_str(), 0);  // half a file is worse than none
  return status::IOError(written.error != 0 ? written.error : EIO, "cannot write ", path);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::io
