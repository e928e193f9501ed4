#include "alkaid/core/files/file_input_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_checks_internal.h"
#include "alkaid/core/files/file_io_internal.h"

namespace alkaid::io {
namespace {

using alkaid::internal::AboveStandardStreams;
using alkaid::internal::FileDescriptor;

// The descriptor that a path stands for by its name, or -1. Such a path may not be openable: a
// socket, or another user's pipe.
int DescriptorOf(std::string_view path) {
  if (path == "-" || path == "/dev/stdin") return STDIN_FILENO;
  for (const std::string_view folder : {"/dev/fd/", "/proc/self/fd/"}) {
    if (!path.starts_with(folder)) continue;
    const std::string_view digits = path.substr(folder.size());
    int fd = -1;
    const auto [stopped, error] = std::from_chars(digits.begin(), digits.end(), fd);
    if (error == std::errc() && stopped == digits.end()) return fd;
  }
  return -1;
}

FileDescriptor Connect(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return {};
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  FileDescriptor fd(AboveStandardStreams(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
  if (!fd.valid()) return fd;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    const int error = errno;
    fd.Reset();
    errno = error;
  }
  return fd;
}

// Whether a signal may end a wait, because its handler was installed without SA_RESTART: poll does
// not tell such handlers from others. Ask before the wait, since a handler may uninstall itself.
// Faults of the thread's own code end no wait.
bool AnyHandlerEndsWaits() {
  constexpr std::array kFaults = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
  for (int number = 1; number < NSIG; ++number) {
    if (std::find(kFaults.begin(), kFaults.end(), number) != kFaults.end()) continue;
    struct sigaction action;
    if (::sigaction(number, nullptr, &action) != 0) continue;
    const bool handled = (action.sa_flags & SA_SIGINFO) != 0 ||
                         (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
    if (handled && (action.sa_flags & SA_RESTART) == 0) return true;
  }
  return false;
}

}  // namespace

bool IsStream(const std::string& path) {
  if (path == "-") return true;
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return false;
  return S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode) || S_ISCHR(info.st_mode);
}

FileInputStream::~FileInputStream() { Close().IgnoreError(); }

Result<std::shared_ptr<FileInputStream>> FileInputStream::Open(const std::string& path,
                                                               PoolHandle pool) try {
  std::string name = path == "-" ? "stdin" : path;
  const int named = DescriptorOf(path);
  FileDescriptor fd;
  bool fifo = false;
  if (named >= 0) {
    // A descriptor that is closed, or open in name only (O_PATH), cannot be read.
    const int flags = ::fcntl(named, F_GETFL);
    if (flags < 0 || (flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_WRONLY) {
      return status::IOError(EBADF, "cannot read ", name, ", which is closed");
    }
    fd.Reset(::fcntl(named, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  } else {
    fd.Reset(
        AboveStandardStreams(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)));
    if (!fd.valid() && errno == ENXIO) {
      fd = Connect(path);
    } else if (fd.valid()) {
      struct stat info;
      fifo = ::fstat(fd.get(), &info) == 0 && S_ISFIFO(info.st_mode);
      ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
    }
  }
  if (!fd.valid()) return status::IOError(errno, "cannot open ", name);
  auto stream = Own(fd.get(), std::move(name), fifo, std::move(pool));
  if (stream.ok()) fd.Release();
  return stream;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<FileInputStream>> FileInputStream::OpenFd(int fd, PoolHandle pool) try {
  return Own(fd, absl::StrCat("file descriptor ", fd), /*fifo=*/false, std::move(pool));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<FileInputStream>> FileInputStream::Own(int fd, std::string name, bool fifo,
                                                              PoolHandle pool) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return status::IOError(errno, "cannot read ", name);
  if (S_ISDIR(info.st_mode)) return status::IOError(EISDIR, "cannot read ", name);
  std::shared_ptr<FileInputStream> stream(new FileInputStream(std::move(name), std::move(pool)));
  stream->fd_ = fd;
  stream->without_writer_ = fifo;
  return stream;
}

Status FileInputStream::Close() {
  if (fd_ < 0) return absl::OkStatus();
  if (::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) {
    return status::IOError(errno, "cannot close ", name_);
  }
  return absl::OkStatus();
}

Result<int64_t> FileInputStream::Tell() const {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  return position_;
}

// For a FIFO that had no writer yet, poll waits for one: it reports a hang-up only after there was
// a writer.
bool FileInputStream::WaitForBytes() const {
  const bool signals_count = AnyHandlerEndsWaits();
  struct pollfd wanted = {fd_, POLLIN, 0};
  while (::poll(&wanted, 1, -1) < 0) {
    if (errno != EINTR || signals_count) return false;
  }
  return true;
}

// Returns -1 with errno if it fails.
int64_t FileInputStream::TryRead(int64_t nbytes, void* out) {
  if (without_writer_ && !WaitForBytes()) return -1;
  without_writer_ = false;
  const auto count = static_cast<size_t>(std::min(nbytes, internal::kMaxTransfer));
  while (true) {
    const ssize_t got = ::read(fd_, out, count);
    if (got >= 0) position_ += got;
    if (got >= 0 || errno != EAGAIN || !WaitForBytes()) return got;
  }
}

Result<int64_t> FileInputStream::ReadSome(int64_t nbytes, void* out) {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, 0, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory(name_, out, nbytes));
  if (nbytes == 0) return 0;
  const int64_t got = TryRead(nbytes, out);
  if (got < 0) return status::IOError(errno, "cannot read ", name_, " after byte ", position_);
  return got;
}

Result<int64_t> FileInputStream::Read(int64_t nbytes, void* out) {
  ALKAID_ASSIGN_OR_RAISE(int64_t done, ReadSome(nbytes, out));
  int64_t got = done;
  while (got != 0 && done < nbytes) {
    got = TryRead(nbytes - done, static_cast<uint8_t*>(out) + done);
    if (got >= 0) {
      done += got;
    } else if (errno != EINTR) {
      return status::IOError(errno, "cannot read ", name_, " after byte ", position_);
    }
  }
  return done;
}

Result<std::shared_ptr<Buffer>> FileInputStream::Read(int64_t nbytes) try {
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, 0, nbytes));
  // All memory is allocated before the first byte is read.
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<ResizableBuffer> buffer,
                         AllocateResizableBuffer(nbytes, pool_));
  ALKAID_ASSIGN_OR_RAISE(const int64_t got, Read(nbytes, buffer->mutable_data()));
  if (got < nbytes) {
    ALKAID_RETURN_NOT_OK(buffer->Resize(got, /*shrink_to_fit=*/false));
    buffer->ZeroPadding();
  }
  return buffer;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status FileInputStream::Advance(int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, 0, nbytes));
  std::array<uint8_t, 16384> skipped;
  while (nbytes > 0) {
    const auto step = std::min(nbytes, static_cast<int64_t>(skipped.size()));
    ALKAID_ASSIGN_OR_RAISE(const int64_t got, Read(step, skipped.data()));
    if (got < step) break;
    nbytes -= got;
  }
  return absl::OkStatus();
}

}  // namespace alkaid::io
