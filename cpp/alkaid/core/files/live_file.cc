#include "alkaid/core/files/live_file.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <utility>

#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/files/partial_read.h"

namespace alkaid::io {
namespace {

// Bytes before the reader's position that are compared between a copy and its original.
constexpr int64_t kCompared = int64_t{64} << 10;

std::vector<std::string> NamesOf(const std::string& path) {
  const std::string final_name = LiveFile::FinalName(path);
  const std::string other =
      final_name == path ? path + std::string(LiveFile::kInProgress) : final_name;
  return {path, other};
}

// Opens the first name that exists, else returns the first name's error. Tries twice, because a
// file that is renamed between the two looks is missed by both.
Result<std::shared_ptr<ReadableFile>> OpenAny(const std::vector<std::string>& names) {
  Status missing;
  for (int round = 0; round < 2; ++round) {
    for (const std::string& name : names) {
      auto file = ReadableFile::Open(name);
      if (file.ok() || file.status().code() != StatusCode::kNotFound) return file;
      if (missing.ok()) missing = file.status();
    }
  }
  return missing;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

std::string LiveFile::FinalName(const std::string& path) {
  if (!std::string_view(path).ends_with(kInProgress)) return path;
  return path.substr(0, path.size() - kInProgress.size());
}

Result<std::unique_ptr<LiveFile>> LiveFile::Open(const std::string& path,
                                                 std::shared_ptr<LiveWatch> watch,
                                                 Missing missing) try {
  if (watch == nullptr) return status::Invalid(path, ": waiting for it needs a watch, not null");
  if (IsStream(path)) {
    return status::Invalid(path,
                           ": a stream is waited for anyway, up to its end; a watch is for a file "
                           "that is still being written");
  }
  std::unique_ptr<LiveFile> made(new LiveFile(path, std::move(watch)));
  made->names_ = NamesOf(path);
  Result<std::shared_ptr<ReadableFile>> file = OpenAny(made->names_);
  if (missing == Missing::kWait && file.status().code() == StatusCode::kNotFound) {
    LiveWatch& waiting_by = *made->watch_;
    LiveWatch::Waiting waiting(waiting_by);
    const int folder = waiting_by.NotifyOfFolder(FolderOf(path));
    do {
      file = OpenAny(made->names_);
    } while (file.status().code() == StatusCode::kNotFound && waiting.Again(folder));
    waiting_by.NotifyNoMore(folder);
  }
  ALKAID_RETURN_NOT_OK(file);
  made->watch_->Add(made.get());
  made->Use(*file, (*file)->file_descriptor());
  return made;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<LiveFile>> LiveFile::Over(std::shared_ptr<RandomAccessFile> file,
                                                 const std::string& name,
                                                 std::shared_ptr<LiveWatch> watch) try {
  if (file == nullptr || watch == nullptr) {
    return status::Invalid(name, ": waiting for it needs a file and a watch, not null");
  }
  std::unique_ptr<LiveFile> made(new LiveFile(name, std::move(watch)));
  made->watch_->Add(made.get());
  const auto* const on_disk = dynamic_cast<const ReadableFile*>(file.get());
  const int file_descriptor = on_disk != nullptr ? on_disk->file_descriptor() : -1;
  made->Use(std::move(file), file_descriptor);
  return made;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

LiveFile::~LiveFile() {
  watch_->NotifyNoMore(notification_);
  watch_->Remove(this);
}

void LiveFile::Use(std::shared_ptr<RandomAccessFile> file, int file_descriptor) {
  watch_->NotifyNoMore(notification_);
  file_ = std::move(file);
  file_descriptor_ = file_descriptor;
  notification_ = watch_->NotifyOfFile(file_descriptor);
}

bool LiveFile::Grew() {
  // If a file cannot report its size, only reading shows growth.
  const Result<int64_t> size = file_->GetSize();
  return size.ok() && *size > std::exchange(size_, *size);
}

Result<int64_t> LiveFile::ReadPresent(int64_t position, int64_t nbytes, void* out) {
  if (watch_->Stopped()) return 0;
  // Bytes before an unreadable place count as present.
  const PartialRead got = ReadUpToFailure(*file_, position, nbytes, out);
  if (got.nbytes == 0) ALKAID_RETURN_NOT_OK(got.failure);
  if (got.nbytes > 0) seen_ = std::max(seen_, position + got.nbytes);
  return got.nbytes;
}

Result<int64_t> LiveFile::ReadSome(int64_t position, int64_t nbytes, void* out) try {
  LiveWatch::Waiting waiting(*watch_);
  while (!watch_->Stopped()) {
    const Result<int64_t> got = ReadPresent(position, nbytes, out);
    // A network file system forgets a file that was removed elsewhere (ESTALE); a copy of it may
    // exist.
    if (got.ok() && *got > 0) return *got;
    const Result<bool> followed = Follow();
    if (followed.ok() && *followed) continue;
    ALKAID_RETURN_NOT_OK(got);
    ALKAID_RETURN_NOT_OK(followed);
    ALKAID_RETURN_NOT_OK(CheckNotCut());
    if (!waiting.Again(notification_)) break;
  }
  return 0;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status LiveFile::CheckNotCut() const {
  const Result<int64_t> size = file_->GetSize();
  if (!size.ok() || *size >= seen_) return absl::OkStatus();
  return status::DataLoss(name_, ": cut to ", *size, " bytes while it was read; ", seen_,
                          " had been read");
}

Result<bool> LiveFile::Follow() {
  struct stat own;
  const bool known = file_descriptor_ >= 0 && ::fstat(file_descriptor_, &own) == 0;
  const std::string* other = nullptr;
  for (const std::string& name : names_) {
    struct stat found;
    if (::stat(name.c_str(), &found) != 0) continue;
    if (known && found.st_dev == own.st_dev && found.st_ino == own.st_ino) return false;
    if (other == nullptr) other = &name;
  }
  // If it has no name at all its writer may still have it open.
  if (other == nullptr) return false;
  const auto copy = ReadableFile::Open(*other);
  if (copy.status().code() == StatusCode::kNotFound) return false;
  ALKAID_RETURN_NOT_OK(copy);
  ALKAID_RETURN_NOT_OK(CheckGoesOn(**copy));
  Use(*copy, (*copy)->file_descriptor());
  return true;
}

Status LiveFile::CheckGoesOn(RandomAccessFile& copy) const {
  ALKAID_ASSIGN_OR_RAISE(const int64_t size, copy.GetSize());
  bool same = size >= seen_;
  const int64_t begin = std::max<int64_t>(seen_ - kCompared, 0);
  const auto nbytes = static_cast<size_t>(seen_ - begin);
  std::string before(nbytes, '\0');
  // If the original cannot be read any more nothing can be compared.
  const Result<int64_t> read = file_->ReadAt(begin, seen_ - begin, before.data());
  if (same && read.ok() && *read == seen_ - begin) {
    std::string after(nbytes, '\0');
    ALKAID_ASSIGN_OR_RAISE(const int64_t got, copy.ReadAt(begin, seen_ - begin, after.data()));
    same = got == seen_ - begin && before == after;
  }
  if (same) return absl::OkStatus();
  return status::DataLoss(name_, ": replaced by another file while it was read: its first ", seen_,
                          " bytes are not those of the other, of ", size, " bytes");
}

}  // namespace alkaid::io
