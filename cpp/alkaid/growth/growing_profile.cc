#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "alkaid/base/number_text.h"
#include "alkaid/core/files/durable_file.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/growth/growing_profile_internal.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/growth/npy_header_internal.h"

namespace alkaid::growth {
namespace {

constexpr size_t kRowSize = sizeof(MemoryStamp);
constexpr size_t kMaxRows = 99'999'999;  // the most that the header has room for

Status NoRegularFile(const std::string& path) {
  return status::FailedPrecondition(path, " is not a regular file and cannot grow with the run");
}

int WriteAt(int fd, const void* bytes, size_t size, off_t at) {
  const char* next = static_cast<const char*>(bytes);
  while (size > 0) {
    const ssize_t put = ::pwrite(fd, next, size, at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EIO;
    next += put;
    at += put;
    size -= static_cast<size_t>(put);
  }
  return 0;
}

}  // namespace

Result<std::unique_ptr<GrowingProfile>> GrowingProfile::Make(const std::string& path,
                                                             const LeakProfileRun& run) try {
  struct stat now;
  if (::stat(path.c_str(), &now) == 0 && !S_ISREG(now.st_mode)) return NoRegularFile(path);
  std::unique_ptr<GrowingProfile> profile(new GrowingProfile(path, run));
  ALKAID_ASSIGN_OR_RAISE(
      const auto file,
      io::DurableFileOutputStream::Open(path, io::FileAccess::kUsual, io::PipeReader::kThere));
  if (file->straight()) {  // like /dev/stdout, wherever that leads
    file->Abandon();
    return NoRegularFile(path);
  }
  const std::string header = profile->Header();
  ALKAID_RETURN_NOT_OK(file->Write(header.data(), static_cast<int64_t>(header.size())));
  ALKAID_RETURN_NOT_OK(file->Close());
  ALKAID_RETURN_NOT_OK(profile->Open());
  return profile;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

std::string GrowingProfile::Header() const {
  return MakeNpyHeader(0, kStampColumns, RunComment(run_));
}

// The file of that name may be another process's by now, and is left alone then.
Status GrowingProfile::Open() {
  ALKAID_ASSIGN_OR_RAISE(const auto read, io::ReadableFile::Open(path_));
  struct stat info;
  if (::fstat(read->file_descriptor(), &info) != 0) return status::IOError(errno, path_);
  const std::string header = Header();
  bool is_ours = inode_ != 0 && IsOurs(read->file_descriptor());
  if (inode_ == 0) {
    std::string found(header.size(), '\0');
    ALKAID_ASSIGN_OR_RAISE(const int64_t size, read->ReadAt(0, static_cast<int64_t>(found.size()),
                                                            static_cast<void*>(found.data())));
    is_ours = size == static_cast<int64_t>(found.size()) && found == header;
  }
  ALKAID_ASSIGN_OR_RAISE(const auto write, io::FileOutputStream::Open(path_, /*append=*/true));
  device_ = info.st_dev;
  inode_ = info.st_ino;
  data_offset_ = static_cast<off_t>(header.size());
  is_ours = is_ours && IsOurs(write->file_descriptor());
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  // A file system may not support locks; then none is needed. Both descriptors share the lock.
  const bool locked = is_ours && (::fcntl(write->file_descriptor(), F_OFD_SETLK, &lock) == 0 ||
                                  (errno != EAGAIN && errno != EACCES));
  if (!locked) return status::FailedPrecondition(path_, " now belongs to another process");
  file_ = internal::FileDescriptor(
      ::fcntl(write->file_descriptor(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!file_.valid()) return status::IOError(errno, "cannot open ", path_);
  return absl::OkStatus();
}

bool GrowingProfile::IsOurs(int fd) const {
  struct stat info;
  return ::fstat(fd, &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
}

Status GrowingProfile::Write(size_t first, std::span<const MemoryStamp> stamps) try {
  if (left_) return absl::OkStatus();
  const size_t rows = std::max(this->rows(), first + stamps.size());
  if (rows > kMaxRows) return status::Invalid(path_, ": more than ", kMaxRows, " stamps");
  if (!IsOurs(file_.get())) {
    (void)file_.Release();  // another file of the program may have that number now
    ALKAID_RETURN_NOT_OK(Open());
  }
  int error = WriteAt(file_.get(), stamps.data(), stamps.size_bytes(),
                      data_offset_ + static_cast<off_t>(first * kRowSize));
  if (error == 0 && rows != this->rows()) {
    const std::string count = internal::Format("%*zu", kNpyRowDigits, rows);
    error = WriteAt(file_.get(), count.data(), count.size(), kNpyRowsAt);
  }
  if (error != 0) return status::IOError(error, "cannot write a stamp to ", path_);
  rows_ = rows;
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void GrowingProfile::Remove() {
  struct stat named;
  if (::stat(path_.c_str(), &named) == 0 && named.st_dev == device_ && named.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

void GrowingProfile::Leave() {
  left_ = true;
  if (!IsOurs(file_.get())) (void)file_.Release();
  file_.Reset();
}

}  // namespace alkaid::growth
