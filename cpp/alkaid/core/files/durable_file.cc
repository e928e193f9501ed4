#include "alkaid/core/files/durable_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

#include "alkaid/core/buffers/io_checks_internal.h"
#include "alkaid/core/files/file_io_internal.h"

namespace alkaid::io {
namespace {

// As many links as Linux itself follows.
constexpr int kMostLinks = 40;
constexpr int64_t kProcMagic = 0x9fa0;
// Bytes of a file's name that a temporary name keeps, so that the whole stays below NAME_MAX.
constexpr size_t kKeptOfName = 200;
constexpr int kMostAttempts = 1000;

template <typename Call>
int Retrying(Call call) {
  int result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

// "a/b" is in "a", "/b" in "/", "b" in ".".
std::string DirectoryOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}
std::string FileOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

bool IsInProc(const std::string& path) {
  struct statfs info;
  return ::statfs(DirectoryOf(path).c_str(), &info) == 0 &&
         static_cast<int64_t>(info.f_type) == kProcMagic;
}

// Where writing to a path ends: the last of its links, and whether that can be replaced.
struct Target {
  std::string path;
  bool straight = false;
  // The file that is there.
  std::optional<struct stat> replaced = {};
};

Result<Target> Follow(const std::string& name) {
  Target target = {name};
  for (int links = 0; links <= kMostLinks; ++links) {
    struct stat info;
    if (::lstat(target.path.c_str(), &info) != 0) {
      if (errno == ENOENT) return target;
      return status::IOError(errno, "cannot write ", name);
    }
    if (!S_ISLNK(info.st_mode)) {
      target.straight = !S_ISREG(info.st_mode);
      target.replaced = info;
      return target;
    }
    // Such a link's text is no path: the file that it stands for may have another name, or none.
    if (IsInProc(target.path)) {
      target.straight = true;
      return target;
    }
    std::array<char, PATH_MAX> text;
    const ssize_t length = ::readlink(target.path.c_str(), text.data(), text.size());
    if (length < 0) return status::IOError(errno, "cannot follow ", target.path);
    std::string next(text.data(), static_cast<size_t>(length));
    target.path = next.starts_with('/') ? next : DirectoryOf(target.path) + "/" + next;
  }
  return status::IOError(ELOOP, "cannot write ", name);
}

}  // namespace

Result<std::shared_ptr<DurableFileOutputStream>> DurableFileOutputStream::Open(
    const std::string& path, FileAccess access) {
  std::shared_ptr<DurableFileOutputStream> stream(new DurableFileOutputStream(path));
  ALKAID_ASSIGN_OR_RAISE(const Target target, Follow(path));
  const bool inherits = target.replaced && access == FileAccess::kUsual;
  ALKAID_RETURN_NOT_OK(target.straight
                           ? stream->OpenStraight()
                           : stream->OpenTemporary(DirectoryOf(target.path), FileOf(target.path),
                                                   inherits ? &*target.replaced : nullptr, access));
  return stream;
}

DurableFileOutputStream::~DurableFileOutputStream() { Abandon(); }

Status DurableFileOutputStream::OpenStraight() {
  straight_ = true;
  // Of a pipe without a reader this waits for one; a signal ends the wait.
  fd_ = ::open(name_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd_ < 0) return status::IOError(errno, "cannot open ", name_, " for writing");
  struct stat info;
  pipe_ = ::fstat(fd_, &info) == 0 && S_ISFIFO(info.st_mode);
  return absl::OkStatus();
}

Status DurableFileOutputStream::OpenTemporary(const std::string& directory, const std::string& file,
                                              const struct stat* like, FileAccess access) {
  if (file.empty()) return status::IOError(EISDIR, "cannot write \"", name_, "\"");
  directory_fd_ =
      Retrying([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (directory_fd_ < 0) {
    return status::IOError(errno, "cannot write ", name_, ": directory ", directory);
  }
  static std::atomic<uint64_t> number{0};
  final_name_ = file;
  const mode_t mode = like != nullptr || access == FileAccess::kOwnerOnly ? 0600 : 0666;
  int error = EEXIST;
  for (int attempt = 0; attempt < kMostAttempts && error == EEXIST; ++attempt) {
    temporary_name_ = absl::StrCat(".", file.substr(0, kKeptOfName), ".", ::getpid(), "-",
                                   number.fetch_add(1, std::memory_order_relaxed), ".tmp");
    fd_ = Retrying([&] {
      return ::openat(directory_fd_, temporary_name_.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    });
    if (fd_ >= 0) return like != nullptr ? Inherit(*like) : absl::OkStatus();
    error = errno;
  }
  ::close(std::exchange(directory_fd_, -1));
  return status::IOError(error, "cannot write ", name_, ": no file can be made in directory ",
                         directory);
}

// Nobody but the owner may open the file until it is as the old one was.
Status DurableFileOutputStream::Inherit(const struct stat& replaced) {
  mode_t mode = replaced.st_mode & 0777;
  const bool owned = ::fchown(fd_, replaced.st_uid, replaced.st_gid) == 0;
  if (!owned && ::fchown(fd_, static_cast<uid_t>(-1), replaced.st_gid) != 0) {
    // Of another group: what the old one's might do is not for it.
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
    // A pipe takes that many whole or none, so that a signal never ends the wait in the middle,
    // where it would look like a short write after which one waits again.
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
    // Linux lets go of the descriptor whatever close() says.
    if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) {
      return status::IOError(errno, "cannot close ", name_);
    }
    return absl::OkStatus();
  }
  if (Retrying([&] { return ::fsync(fd_); }) != 0) {
    return status::IOError(errno, "cannot bring ", name_, " to the disk");
  }
  if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) {
    return status::IOError(errno, "cannot close ", name_);
  }
  if (::renameat(directory_fd_, temporary_name_.c_str(), directory_fd_, final_name_.c_str()) != 0) {
    return status::IOError(errno, "cannot give ", name_, " its name");
  }
  temporary_name_.clear();
  // EINVAL: a file system that knows no fsync of directories.
  if (Retrying([&] { return ::fsync(directory_fd_); }) != 0 && errno != EINVAL) {
    return status::IOError(errno, "cannot bring the directory of ", name_, " to the disk");
  }
  return absl::OkStatus();
}

void DurableFileOutputStream::Abandon() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  if (directory_fd_ < 0) return;
  if (!temporary_name_.empty()) ::unlinkat(directory_fd_, temporary_name_.c_str(), 0);
  temporary_name_.clear();
  ::close(std::exchange(directory_fd_, -1));
}

}  // namespace alkaid::io
