#include "output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

#include "alkaid/core/file_io.h"

namespace alkaid::tools {
namespace {

namespace fs = std::filesystem;

Status SyncFolder(const fs::path& folder) {
  const std::string name = folder.empty() ? "." : folder.string();
  const int fd = ::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return status::IOError(errno, name);
  const int failed = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  // Some file systems can not, and keep their folders safe by themselves.
  if (failed == 0 || failed == EINVAL) return absl::OkStatus();
  return status::IOError(failed, name);
}

}  // namespace

OutputFile::OutputFile(std::string path, std::string partial, int fd,
                       std::shared_ptr<io::OutputStream> stream)
    : path_(std::move(path)), partial_(std::move(partial)), fd_(fd), stream_(std::move(stream)) {}

OutputFile::~OutputFile() {
  if (!committed_) ::unlink(partial_.c_str());
}

Status OutputFile::Commit() {
  if (::fsync(fd_) != 0) return status::IOError(errno, partial_);
  ALKAID_RETURN_NOT_OK(stream_->Close());
  if (std::rename(partial_.c_str(), path_.c_str()) != 0) return status::IOError(errno, path_);
  committed_ = true;
  return SyncFolder(fs::path(path_).parent_path());
}

Result<std::unique_ptr<OutputFile>> OpenOutput(const std::string& path) {
  std::error_code error;
  std::string target = path;
  const fs::file_status there = fs::status(path, error);
  if (fs::exists(there)) {
    if (!fs::is_regular_file(there)) {
      return status::Invalid(path, ": output goes to regular files only, and this is none");
    }
    target = fs::canonical(path, error).string();
    if (error) return status::IOError(error.value(), path);
  }
  std::string partial = absl::StrCat(target, ".partial", ::getpid());
  const int fd = ::open(partial.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) return status::IOError(errno, partial);
  Result<std::shared_ptr<io::FileOutputStream>> stream = io::FileOutputStream::OpenFd(fd);
  if (!stream.ok()) {
    ::close(fd);
    ::unlink(partial.c_str());
    return stream.status();
  }
  return std::unique_ptr<OutputFile>(
      new OutputFile(std::move(target), std::move(partial), fd, *std::move(stream)));
}

}  // namespace alkaid::tools
