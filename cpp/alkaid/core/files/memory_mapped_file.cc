#include "alkaid/core/files/memory_mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/foreign_buffer.h"
#include "alkaid/core/buffers/io_checks_internal.h"
#include "alkaid/core/files/file_io_internal.h"
#include "alkaid/core/files/open_input.h"
#include "alkaid/core/files/output_path_internal.h"

namespace alkaid::io {
namespace {

using alkaid::internal::FileDescriptor;

constexpr int64_t kAllThereIs = -1;

struct Mapping {
  void* address = MAP_FAILED;
  std::size_t length = 0;

  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (address != MAP_FAILED) ::munmap(address, length);
  }
};

Result<std::shared_ptr<Buffer>> MapRegion(int fd, int64_t offset, int64_t length, bool writable,
                                          const std::string& name) try {
  // The system maps no empty range.
  if (length == 0) return std::make_shared<Buffer>(nullptr, 0);
  auto mapping = std::make_shared<Mapping>();
  mapping->length = static_cast<std::size_t>(length);
  mapping->address = ::mmap(nullptr, mapping->length, PROT_READ | (writable ? PROT_WRITE : 0),
                            MAP_SHARED, fd, offset);
  if (mapping->address == MAP_FAILED) {
    return status::IOError(errno, "cannot map ", length, " bytes at ", offset, " of ", name);
  }
  void* const address = mapping->address;
  return writable ? ForeignBuffer::MakeMutable(address, length, std::move(mapping))
                  : ForeignBuffer::Make(address, length, std::move(mapping));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<int64_t> SizeOfRegularFile(int fd, const std::string& name) {
  struct stat info;
  if (::fstat(fd, &info) != 0) return status::IOError(errno, "cannot map ", name);
  if (!S_ISREG(info.st_mode)) {
    return status::Invalid(name, " is ", internal::KindOf(info.st_mode),
                           ", and only a regular file can be mapped");
  }
  return info.st_size;
}

Status SetFileSize(int fd, int64_t size, const std::string& name) {
  int failed;
  do {
    failed = ::ftruncate(fd, size);
  } while (failed != 0 && errno == EINTR);
  if (failed == 0) return absl::OkStatus();
  return status::IOError(errno, "cannot make ", name, " ", size, " bytes long");
}

Result<FileDescriptor> OpenToMap(const std::string& path, FileMode::type mode) {
  if (mode != FileMode::READ) return internal::OpenOutput(path, O_RDWR, /*empty=*/false);
  FileDescriptor fd(OpenInput(path.c_str()));
  if (!fd.valid()) return status::IOError(errno, "cannot open ", path);
  return fd;
}

Status CheckPart(const std::string& path, int64_t offset, int64_t length, int64_t size) {
  const int64_t page = ::sysconf(_SC_PAGESIZE);
  if (offset < 0 || offset % page != 0) {
    return status::Invalid("cannot map ", path, " from ", offset,
                           " on: not a multiple of the page size, ", page, " bytes");
  }
  if (length < kAllThereIs) return status::Invalid("cannot map ", length, " bytes of ", path);
  if (offset > size || length > size - offset) {
    return status::Invalid("cannot map ", length, " bytes at ", offset, " of ", path,
                           ", which has ", size);
  }
  return absl::OkStatus();
}

}  // namespace

MemoryMappedFile::MemoryMappedFile(std::string name, FileMode::type mode) : name_(std::move(name)) {
  set_mode(mode);
}

MemoryMappedFile::~MemoryMappedFile() { Close().IgnoreError(); }

Result<std::shared_ptr<MemoryMappedFile>> MemoryMappedFile::Create(const std::string& path,
                                                                   int64_t size) try {
  if (size < 0) return status::Invalid("cannot make ", path, " ", size, " bytes long");
  ALKAID_ASSIGN_OR_RAISE(FileDescriptor fd, internal::OpenOutput(path, O_RDWR, /*empty=*/true));
  ALKAID_RETURN_NOT_OK(SizeOfRegularFile(fd.get(), path));
  ALKAID_RETURN_NOT_OK(SetFileSize(fd.get(), size, path));
  auto file = Own(fd.get(), path, FileMode::READWRITE, 0, kAllThereIs);
  if (file.ok()) fd.Release();
  return file;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<MemoryMappedFile>> MemoryMappedFile::Open(const std::string& path,
                                                                 FileMode::type mode) {
  return Open(path, mode, 0, kAllThereIs);
}

Result<std::shared_ptr<MemoryMappedFile>> MemoryMappedFile::Open(const std::string& path,
                                                                 FileMode::type mode,
                                                                 int64_t offset,
                                                                 int64_t length) try {
  ALKAID_ASSIGN_OR_RAISE(FileDescriptor fd, OpenToMap(path, mode));
  auto file = Own(fd.get(), path, mode, offset, length);
  if (file.ok()) fd.Release();
  return file;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<MemoryMappedFile>> MemoryMappedFile::Own(int fd, const std::string& name,
                                                                FileMode::type mode, int64_t offset,
                                                                int64_t length) {
  ALKAID_ASSIGN_OR_RAISE(const int64_t size, SizeOfRegularFile(fd, name));
  ALKAID_RETURN_NOT_OK(CheckPart(name, offset, length, size));
  std::shared_ptr<MemoryMappedFile> file(new MemoryMappedFile(name, mode));
  file->whole_ = offset == 0 && length == kAllThereIs;
  if (length == kAllThereIs) length = size - offset;
  ALKAID_ASSIGN_OR_RAISE(file->region_,
                         MapRegion(fd, offset, length, mode != FileMode::READ, name));
  file->fd_ = fd;
  return file;
}

Status MemoryMappedFile::Close() {
  const std::unique_lock lock(mutex_);
  region_.reset();
  if (fd_ >= 0 && ::close(std::exchange(fd_, -1)) != 0 && errno != EINTR) {
    return status::IOError(errno, "cannot close ", name_);
  }
  return absl::OkStatus();
}

bool MemoryMappedFile::closed() const { return file_descriptor() < 0; }

int MemoryMappedFile::file_descriptor() const {
  const std::shared_lock lock(mutex_);
  return fd_;
}

Result<int64_t> MemoryMappedFile::Tell() const {
  const std::shared_lock lock(mutex_);
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, fd_ < 0));
  return position_;
}

Status MemoryMappedFile::Seek(int64_t position) {
  const std::unique_lock lock(mutex_);
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, fd_ < 0));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position, 0));
  position_ = position;
  return absl::OkStatus();
}

Result<int64_t> MemoryMappedFile::GetSize() {
  const std::shared_lock lock(mutex_);
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, fd_ < 0));
  return region_->size();
}

// How many of `nbytes` are mapped from `position` on. This and the next three functions take no
// lock.
Result<int64_t> MemoryMappedFile::Available(int64_t position, int64_t nbytes) const {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, fd_ < 0));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position, nbytes));
  return std::min(nbytes, std::max<int64_t>(region_->size() - position, 0));
}

Result<std::shared_ptr<Buffer>> MemoryMappedFile::Slice(int64_t position, int64_t nbytes) const
    try {
  ALKAID_ASSIGN_OR_RAISE(const int64_t available, Available(position, nbytes));
  return SliceBuffer(region_, std::min(position, region_->size()), available);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<int64_t> MemoryMappedFile::CopyOut(int64_t position, int64_t nbytes, void* out) const {
  ALKAID_ASSIGN_OR_RAISE(const int64_t available, Available(position, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory(name_, out, nbytes));
  if (available > 0) {
    std::memcpy(out, region_->data() + position, static_cast<std::size_t>(available));
  }
  return available;
}

Status MemoryMappedFile::CopyIn(int64_t position, const void* data, int64_t nbytes) {
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, fd_ < 0));
  ALKAID_RETURN_NOT_OK(internal::CheckRange(name_, position, nbytes));
  ALKAID_RETURN_NOT_OK(internal::CheckMemory(name_, data, nbytes));
  ALKAID_RETURN_NOT_OK(CheckWritable("written"));
  if (position > region_->size() || nbytes > region_->size() - position) {
    return status::IndexError(name_, ": ", nbytes, " bytes at ", position, " do not fit into the ",
                              region_->size(), " bytes that are mapped");
  }
  if (nbytes > 0) {
    std::memcpy(region_->mutable_data() + position, data, static_cast<std::size_t>(nbytes));
  }
  return absl::OkStatus();
}

Result<int64_t> MemoryMappedFile::Read(int64_t nbytes, void* out) {
  const std::unique_lock lock(mutex_);
  ALKAID_ASSIGN_OR_RAISE(const int64_t count, CopyOut(position_, nbytes, out));
  position_ += count;
  return count;
}

Result<std::shared_ptr<Buffer>> MemoryMappedFile::Read(int64_t nbytes) {
  const std::unique_lock lock(mutex_);
  ALKAID_ASSIGN_OR_RAISE(auto slice, Slice(position_, nbytes));
  position_ += slice->size();
  return slice;
}

Status MemoryMappedFile::Advance(int64_t nbytes) {
  const std::unique_lock lock(mutex_);
  ALKAID_ASSIGN_OR_RAISE(const int64_t available, Available(position_, nbytes));
  position_ += available;
  return absl::OkStatus();
}

Result<std::string_view> MemoryMappedFile::Peek(int64_t nbytes) {
  const std::shared_lock lock(mutex_);
  ALKAID_ASSIGN_OR_RAISE(const int64_t available, Available(position_, nbytes));
  if (available == 0) return std::string_view();
  return std::string_view(region_->data_as<char>() + position_,
                          static_cast<std::size_t>(available));
}

Result<int64_t> MemoryMappedFile::ReadAt(int64_t position, int64_t nbytes, void* out) {
  const std::shared_lock lock(mutex_);
  return CopyOut(position, nbytes, out);
}

Result<std::shared_ptr<Buffer>> MemoryMappedFile::ReadAt(int64_t position, int64_t nbytes) {
  const std::shared_lock lock(mutex_);
  return Slice(position, nbytes);
}

Status MemoryMappedFile::Write(const void* data, int64_t nbytes) {
  const std::unique_lock lock(mutex_);
  ALKAID_RETURN_NOT_OK(CopyIn(position_, data, nbytes));
  position_ += nbytes;
  return absl::OkStatus();
}

Status MemoryMappedFile::WriteAt(int64_t position, const void* data, int64_t nbytes) {
  const std::shared_lock lock(mutex_);
  return CopyIn(position, data, nbytes);
}

Status MemoryMappedFile::CheckWritable(const char* what) const {
  if (mode() != FileMode::READ) return absl::OkStatus();
  return status::FailedPrecondition(name_, " was mapped read-only, and cannot be ", what);
}

Status MemoryMappedFile::Resize(int64_t new_size) try {
  const std::unique_lock lock(mutex_);
  ALKAID_RETURN_NOT_OK(internal::CheckOpen(name_, fd_ < 0));
  if (new_size < 0) return status::Invalid(name_, ": negative size ", new_size);
  ALKAID_RETURN_NOT_OK(CheckWritable("resized"));
  const int64_t size = region_->size();
  if (!whole_) {
    return status::FailedPrecondition(name_, ": ", size, " bytes of it were mapped as a part, and ",
                                      "only a file that is mapped whole can be resized");
  }
  if (region_.use_count() > 1) {
    return status::FailedPrecondition(name_, ": cannot be resized from ", size, " to ", new_size,
                                      " bytes while ", region_.use_count() - 1,
                                      " buffers show the mapping");
  }
  // The order keeps the mapping within the file at all times.
  const bool grows = new_size > size;
  if (grows) ALKAID_RETURN_NOT_OK(SetFileSize(fd_, new_size, name_));
  auto region = MapRegion(fd_, 0, new_size, /*writable=*/true, name_);
  Status status = region.status();
  if (status.ok() && !grows) status = SetFileSize(fd_, new_size, name_);
  if (!status.ok()) {
    if (grows) SetFileSize(fd_, size, name_).IgnoreError();
    return status;
  }
  region_ = *std::move(region);
  position_ = std::min(position_, new_size);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::io
