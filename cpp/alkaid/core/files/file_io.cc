#include "alkaid/core/files/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/io_checks_internal.h"
#include "alkaid/core/files/file_io_internal.h"
#include "alkaid/core/files/open_input.h"
#include "alkaid/core/files/output_path_internal.h"

namespace alkaid::io {
namespace {

using alkaid::internal::FileDescriptor;

// Bytes. The first step of reading something whose size is not known.
constexpr int64_t kFirstStep = int64_t{64} << 10;
constexpr int64_t kMaxPosition = std::numeric_limits<int64_t>::max();

Result<struct stat> StatOf(int fd, const std::string& name) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return status::IOError(errno, "cannot open ", name);
  if (S_ISDIR(info.st_mode)) return status::IOError(EISDIR, "cannot open ", name);
  return info;
}

// A regular file of at most the allowed number of bytes.
struct WholeFile {
  FileDescriptor fd;
  int64_t size = 0;
  const std::string& path;

  // Returns how many bytes there were: fewer if the file was cut during the read.
  Result<int64_t> ReadTo(void* out) const {
    auto* const bytes = static_cast<uint8_t*>(out);
    const auto read = internal::TransferAll(size, [&](int64_t done, int64_t count) {
      return ::pread(fd.get(), bytes + done, static_cast<std::size_t>(count), done);
    });
    if (read.error != 0) return status::IOError(read.error, "cannot read ", path);
    return read.count;
  }
};

Result<WholeFile> OpenWholeFile(const std::string& path, int64_t most_bytes,
                                const std::string& what) {
  WholeFile file = {FileDescriptor(OpenInput(path.c_str())), 0, path};
  if (!file.fd.valid()) return status::IOError(errno, "cannot open ", path);
  ALKAID_ASSIGN_OR_RAISE(const struct stat info, StatOf(file.fd.get(), path));
  if (!S_ISREG(info.st_mode)) {
    return status::Invalid(path, " is ", internal::KindOf(info.st_mode), ", and ", what,
                           " is only read from a regular file");
  }
  if (info.st_size > most_bytes) {
    return status::Invalid(path, ": ", info.st_size, " bytes; ", what, " has at most ", most_bytes);
  }
  file.size = info.st_size;
  return file;
}

std::string NameOf(int fd) { return absl::StrCat("file descriptor ", fd); }

Status CloseFd(int* fd, const std::string& name) {
  if (*fd < 0) return absl::OkStatus();
  // Linux releases the descriptor even when an interrupt cuts close() short; a second close could
  // hit another file.
  if (::close(std::exchange(*fd, -1)) != 0 && errno != EINTR) {
    return status::IOError(errno, "cannot close ", name);
  }
  return absl::OkStatus();
}

}  // namespace

ReadableFile::ReadableFile(int fd, std::string name, PoolHandle pool)
    : fd_(fd), name_(std::move(name)), pool_(std::move(pool)) {}

ReadableFile::~ReadableFile() { Close().IgnoreError(); }

Result<std::shared_ptr<ReadableFile>> ReadableFile::Open(const std::string& path,
                                                         PoolHandle pool) try {
  FileDescriptor fd(OpenInput(path.c_str()));
  if (!fd.valid()) return status::IOError(errno, "cannot open ", path);
  auto file = Own(fd.get(), path, std::move(pool));
  if (file.ok()) fd.Release();
  return file;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<ReadableFile>> ReadableFile::Open(int fd, PoolHandle pool) try {
  return Own(fd, NameOf(fd), std::move(pool));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<ReadableFile>> ReadableFile::OpenFd(int fd, PoolHandle pool) {
  auto file = Open(fd, std::move(pool));
  if (file.ok()) (*file)->position_ = 0;
  return file;
}

Result<std::shared_ptr<ReadableFile>> ReadableFile::Own(int fd, std::string name, PoolHandle pool) {
  ALKAID_ASSIGN_OR_RAISE(const struct stat info, StatOf(fd, name));
  const off_t position = ::lseek(fd, 0, SEEK_CUR);
  if (position < 0) {
    return status::IOError(errno, name, " is ", internal::KindOf(info.st_mode),
                           ", which can only be read once and in order; a file that can be read at "
                           "any position is needed");
  }
  // Until nothing can fail any more, the descriptor is the caller's.
  std::shared_ptr<ReadableFile> file(new ReadableFile(-1, std::move(name), std::move(pool)));
  file->position_ = position;
  file->fd_ = fd;
  return file;
}

Status ReadableFile::Close() { return CloseFd(&fd_, name_); }

Result<int64_t> ReadableFile::Tell() const {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  return position_;
}

Status ReadableFile::Seek(int64_t position) {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position, 0));
  position_ = position;
  return absl::OkStatus();
}

Result<int64_t> ReadableFile::GetSize() {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  struct stat info;
  if (::fstat(fd_, &info) != 0)
    return status::IOError(errno, "cannot determine the size of ", name_);
  if (S_ISREG(info.st_mode)) return info.st_size;
  if (!S_ISBLK(info.st_mode)) {
    return status::NotImplemented(name_, " is neither a file nor a disk, and has no size");
  }
  const off_t end = ::lseek(fd_, 0, SEEK_END);
  if (end < 0) return status::IOError(errno, "cannot determine the size of ", name_);
  return end;
}

Result<int64_t> ReadableFile::ReadAt(int64_t position, int64_t nbytes, void* out) {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory(name_, out, nbytes));
  auto* bytes = static_cast<uint8_t*>(out);
  const auto read = internal::TransferAll(
      std::min(nbytes, kMaxPosition - position), [&](int64_t done, int64_t count) {
        return ::pread(fd_, bytes + done, static_cast<std::size_t>(count), position + done);
      });
  if (read.error != 0) {
    return status::IOError(read.error, "cannot read ", nbytes, " bytes at ", position, " of ",
                           name_, ", got ", read.count);
  }
  return read.count;
}

Result<std::shared_ptr<Buffer>> ReadableFile::ReadAt(int64_t position, int64_t nbytes) try {
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position, nbytes));
  const Result<int64_t> size = GetSize();
  // Devices have no size, and files that the system generates as they are read (/proc) report 0:
  // how much they hold shows only step by step.
  const bool size_known = size.ok() && *size > 0;
  if (size_known) nbytes = std::min(nbytes, std::max<int64_t>(*size - position, 0));
  int64_t step = size_known ? nbytes : std::min(nbytes, kFirstStep);
  ALKAID_ASSIGN_OR_RAISE(auto buffer, AllocateResizableBuffer(step, pool_));
  int64_t count = 0;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const int64_t got,
                           ReadAt(position + count, step, buffer->mutable_data() + count));
    count += got;
    if (got < step || count == nbytes) break;
    step = std::min(count, nbytes - count);
    ALKAID_RETURN_NOT_OK(buffer->Resize(count + step));
  }
  if (count < buffer->size()) {
    ALKAID_RETURN_NOT_OK(buffer->Resize(count));
    buffer->ZeroPadding();
  }
  return std::shared_ptr<Buffer>(std::move(buffer));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<int64_t> ReadableFile::Read(int64_t nbytes, void* out) {
  ALKAID_ASSIGN_OR_RAISE(const int64_t count, ReadAt(position_, nbytes, out));
  position_ += count;
  return count;
}

Result<std::shared_ptr<Buffer>> ReadableFile::Read(int64_t nbytes) {
  ALKAID_ASSIGN_OR_RAISE(auto buffer, ReadAt(position_, nbytes));
  position_ += buffer->size();
  return buffer;
}

Status ReadableFile::Advance(int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position_, nbytes));
  ALKAID_ASSIGN_OR_RAISE(const int64_t size, GetSize());
  position_ += std::min(nbytes, std::max<int64_t>(size - position_, 0));
  return absl::OkStatus();
}

Result<std::shared_ptr<Buffer>> ReadWholeFile(const std::string& path, int64_t most_bytes,
                                              const std::string& what, PoolHandle pool) try {
  ALKAID_ASSIGN_OR_RAISE(const WholeFile file, OpenWholeFile(path, most_bytes, what));
  ALKAID_ASSIGN_OR_RAISE(auto buffer, AllocateResizableBuffer(file.size, std::move(pool)));
  ALKAID_ASSIGN_OR_RAISE(const int64_t read, file.ReadTo(buffer->mutable_data()));
  if (read < file.size) ALKAID_RETURN_NOT_OK(buffer->Resize(read));
  return std::shared_ptr<Buffer>(std::move(buffer));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::string> ReadWholeFileAsString(const std::string& path, int64_t most_bytes,
                                          const std::string& what) try {
  ALKAID_ASSIGN_OR_RAISE(const WholeFile file, OpenWholeFile(path, most_bytes, what));
  std::string bytes(static_cast<size_t>(file.size), '\0');
  ALKAID_ASSIGN_OR_RAISE(const int64_t read, file.ReadTo(bytes.data()));
  bytes.resize(static_cast<size_t>(read));
  return bytes;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

FileOutputStream::FileOutputStream(int fd, std::string name) : fd_(fd), name_(std::move(name)) {
  set_mode(FileMode::WRITE);
}

FileOutputStream::~FileOutputStream() { Close().IgnoreError(); }

Result<std::shared_ptr<FileOutputStream>> FileOutputStream::Open(const std::string& path,
                                                                 bool append) try {
  // Not O_APPEND: Linux then ignores the position that pwrite is given.
  ALKAID_ASSIGN_OR_RAISE(FileDescriptor fd,
                         internal::OpenOutput(path, O_WRONLY, /*empty=*/!append));
  auto stream = Own(fd.get(), path, append);
  if (stream.ok()) fd.Release();
  return stream;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<FileOutputStream>> FileOutputStream::Open(int fd) try {
  return Own(fd, NameOf(fd), /*append=*/false);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<FileOutputStream>> FileOutputStream::Own(int fd, std::string name,
                                                                bool append) {
  ALKAID_RETURN_NOT_OK(StatOf(fd, name));
  std::shared_ptr<FileOutputStream> stream(new FileOutputStream(-1, std::move(name)));
  // A descriptor opened with O_APPEND, such as a shell's >>, writes at the end whatever the
  // position.
  const int flags = ::fcntl(fd, F_GETFL);
  const bool only_appends = flags >= 0 && (flags & O_APPEND) != 0;
  const off_t position = ::lseek(fd, 0, append || only_appends ? SEEK_END : SEEK_CUR);
  stream->seekable_ = position >= 0 && !only_appends;
  stream->position_ = std::max<int64_t>(position, 0);
  stream->fd_ = fd;
  return stream;
}

Status FileOutputStream::Close() { return CloseFd(&fd_, name_); }

Result<int64_t> FileOutputStream::Tell() const {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  return position_;
}

Status FileOutputStream::Seek(int64_t position) {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position, 0));
  if (!seekable_) return status::IOError(ESPIPE, "cannot seek in ", name_);
  position_ = position;
  return absl::OkStatus();
}

Status FileOutputStream::WriteAt(int64_t position, const void* data, int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory(name_, data, nbytes));
  if (!seekable_) return status::IOError(ESPIPE, "cannot write at a position of ", name_);
  if (nbytes > kMaxPosition - position) {
    return status::IOError(EFBIG, "cannot write ", nbytes, " bytes at ", position, " of ", name_);
  }
  const auto* bytes = static_cast<const uint8_t*>(data);
  const auto written = internal::TransferAll(nbytes, [&](int64_t done, int64_t count) {
    return ::pwrite(fd_, bytes + done, static_cast<std::size_t>(count), position + done);
  });
  if (written.count == nbytes) return absl::OkStatus();
  return status::IOError(written.error != 0 ? written.error : EIO, "cannot write ", nbytes,
                         " bytes at ", position, " of ", name_, ", did ", written.count);
}

Status FileOutputStream::Write(const void* data, int64_t nbytes) {
  const std::scoped_lock lock(writing_);
  if (seekable_) {
    ALKAID_RETURN_NOT_OK(WriteAt(position_, data, nbytes));
    position_ += nbytes;
    return absl::OkStatus();
  }
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, closed()));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, 0, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory(name_, data, nbytes));
  const auto* bytes = static_cast<const uint8_t*>(data);
  const auto written = internal::TransferAll(nbytes, [&](int64_t done, int64_t count) {
    return ::write(fd_, bytes + done, static_cast<std::size_t>(count));
  });
  position_ += written.count;
  if (written.count == nbytes) return absl::OkStatus();
  return status::IOError(written.error != 0 ? written.error : EIO, "cannot write ", nbytes,
                         " bytes to ", name_, ", did ", written.count);
}

}  // namespace alkaid::io
