#include "alkaid/core/durable_file.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "alkaid/core/file_io_internal.h"
#include "alkaid/core/io_checks_internal.h"

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
};

Result<Target> Follow(const std::string& name) {
  Target target = {name, false};
  for (int links = 0; links <= kMostLinks; ++links) {
    struct stat info;
    if (::lstat(target.path.c_str(), &info) != 0) {
      if (errno == ENOENT) return target;
      return status::IOError(errno, "cannot write ", name);
    }
    if (!S_ISLNK(info.st_mode)) {
      target.straight = !S_ISREG(info.st_mode);
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
    const std::string& path) {
  std::shared_ptr<DurableFileOutputStream> stream(new DurableFileOutputStream(path));
  ALKAID_ASSIGN_OR_RAISE(const Target target, Follow(path));
  ALKAID_RETURN_NOT_OK(target.straight
                           ? stream->OpenStraight()
                           : stream->OpenTemporary(DirectoryOf(target.path), FileOf(target.path)));
  return stream;
}

DurableFileOutputStream::~DurableFileOutputStream() { Abandon(); }

Status DurableFileOutputStream::OpenStraight() {
  straight_ = true;
  fd_ = Retrying([&] { return ::open(name_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC); });
  if (fd_ < 0) return status::IOError(errno, "cannot open ", name_, " for writing");
  return absl::OkStatus();
}

Status DurableFileOutputStream::OpenTemporary(const std::string& directory,
                                              const std::string& file) {
  if (file.empty()) return status::IOError(EISDIR, "cannot write \"", name_, "\"");
  directory_fd_ =
      Retrying([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (directory_fd_ < 0) {
    return status::IOError(errno, "cannot write ", name_, ": directory ", directory);
  }
  static std::atomic<uint64_t> number{0};
  final_name_ = file;
  int error = EEXIST;
  for (int attempt = 0; attempt < kMostAttempts && error == EEXIST; ++attempt) {
    temporary_name_ = absl::StrCat(".", file.substr(0, kKeptOfName), ".", ::getpid(), "-",
                                   number.fetch_add(1, std::memory_order_relaxed), ".tmp");
    fd_ = Retrying([&] {
      return ::openat(directory_fd_, temporary_name_.c_str(),
                      O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    });
    if (fd_ >= 0) return absl::OkStatus();
    error = errno;
  }
  ::close(std::exchange(directory_fd_, -1));
  return status::IOError(error, "cannot write ", name_, ": no file can be made in directory ",
                         directory);
}

Status DurableFileOutputStream::Write(const void* data, int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(failure_);
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, 0, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory(name_, data, nbytes));
  const auto* bytes = static_cast<const uint8_t*>(data);
  const auto written = internal::TransferAll(nbytes, [&](int64_t done, int64_t count) {
    return ::write(fd_, bytes + done, static_cast<size_t>(count));
  });
  if (written.count != nbytes) {
    failure_ = status::IOError(written.error != 0 ? written.error : EIO, "cannot write ", nbytes,
                               " bytes at ", position_, " of ", name_, ", did ", written.count);
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
