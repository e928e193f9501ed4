#include <fcntl.h>
#include <limits.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "alkaid/core/files/output_path_internal.h"

namespace alkaid::io::internal {
namespace {

constexpr int kMaxAttempts = 100;

using alkaid::internal::AboveStandardStreams;
using alkaid::internal::FileDescriptor;

// As many links as Linux itself follows.
constexpr int kMaxLinks = 40;
constexpr int64_t kProcMagic = 0x9fa0;

FileDescriptor OpenPath(int directory, const std::string& name, int flags) {
  return FileDescriptor(
      AboveStandardStreams(::openat(directory, name.c_str(), O_PATH | O_CLOEXEC | flags)));
}

bool IsInProc(int directory) {
  struct statfs info;
  return ::fstatfs(directory, &info) == 0 && static_cast<int64_t>(info.f_type) == kProcMagic;
}

// Whether somebody other than the user of this process, root and the folder's owner put `entry`
// there.
bool IsPlanted(const struct stat& folder, const struct stat& entry) {
  if ((folder.st_mode & S_IWOTH) == 0) return false;
  if (entry.st_uid == ::geteuid() || entry.st_uid == 0 || entry.st_uid == folder.st_uid) {
    return false;
  }
  return !S_ISREG(entry.st_mode) || (folder.st_mode & S_ISVTX) != 0;
}

class Walk {
 public:
  explicit Walk(const std::string& path) : path_(path) {}

  Result<OutputPath> Run() {
    ALKAID_RETURN_NOT_OK(Follow(path_));
    while (true) {
      std::string name = std::move(names_.back());
      names_.pop_back();
      if (names_.empty()) {
        if (name.empty()) return status::IOError(EISDIR, "cannot write \"", path_, "\"");
        ALKAID_ASSIGN_OR_RAISE(const bool ended, AtTheEnd(name));
        if (ended) return std::move(output_);
      } else if (!name.empty()) {
        ALKAID_RETURN_NOT_OK(Enter(name));
      }
    }
  }

 private:
  // Puts `text`, a path or a link's text, before the names that are left.
  Status Follow(std::string_view text) {
    if (text.starts_with('/') || !output_.directory.valid()) {
      const std::string start = text.starts_with('/') ? "/" : ".";
      output_.directory = OpenPath(AT_FDCWD, start, O_DIRECTORY);
      if (!output_.directory.valid()) return FolderError(errno, start);
      output_.directory_name = start;
    }
    for (size_t end = text.size();;) {
      const size_t slash = end == 0 ? std::string_view::npos : text.rfind('/', end - 1);
      const size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
      names_.emplace_back(text.substr(begin, end - begin));
      if (slash == std::string_view::npos) return absl::OkStatus();
      end = slash;
    }
  }

  std::string Joined(const std::string& name) const {
    if (output_.directory_name == ".") return name;
    return output_.directory_name + (output_.directory_name == "/" ? "" : "/") + name;
  }
  Status FolderError(int error, const std::string& folder) const {
    return status::IOError(error, "cannot write ", path_, ": directory ", folder);
  }

  // Refuses an entry that another user planted in the current folder.
  Status CheckOwner(const std::string& name, const struct stat& entry) const {
    struct stat folder;
    if (::fstat(output_.directory.get(), &folder) != 0) {
      return FolderError(errno, output_.directory_name);
    }
    if (!IsPlanted(folder, entry)) return absl::OkStatus();
    const char* const what = S_ISLNK(entry.st_mode)   ? "symbolic link"
                             : S_ISREG(entry.st_mode) ? "file"
                                                      : "pipe, device or socket";
    return absl::PermissionDeniedError(absl::StrCat("cannot write ", path_, ": ", Joined(name),
                                                    " is a ", what, " of user ", entry.st_uid,
                                                    " in a folder to which everyone may write"));
  }

  // Continues at the place that a link names.
  Status FollowLink(const std::string& name, const FileDescriptor& link, const struct stat& info) {
    ALKAID_RETURN_NOT_OK(CheckOwner(name, info));
    if (++links_ > kMaxLinks) return status::IOError(ELOOP, "cannot write ", path_);
    std::array<char, PATH_MAX> text;
    const ssize_t length = ::readlinkat(link.get(), "", text.data(), text.size());
    if (length < 0) return status::IOError(errno, "cannot follow ", Joined(name));
    return Follow(std::string_view(text.data(), static_cast<size_t>(length)));
  }

  Status Enter(const std::string& name) {
    // O_DIRECTORY also triggers the mount of a folder that is mounted at its first use.
    FileDescriptor folder = OpenPath(output_.directory.get(), name, O_DIRECTORY | O_NOFOLLOW);
    if (!folder.valid() && errno == ENOTDIR) {
      const FileDescriptor entry = OpenPath(output_.directory.get(), name, O_NOFOLLOW);
      struct stat info;
      if (!entry.valid() || ::fstat(entry.get(), &info) != 0) {
        return FolderError(errno, Joined(name));
      }
      if (!S_ISLNK(info.st_mode)) return FolderError(ENOTDIR, Joined(name));
      if (!IsInProc(output_.directory.get())) return FollowLink(name, entry, info);
      folder = OpenPath(output_.directory.get(), name, O_DIRECTORY);
    }
    if (!folder.valid()) return FolderError(errno, Joined(name));
    output_.directory_name = Joined(name);
    output_.directory = std::move(folder);
    return absl::OkStatus();
  }

  // Returns false if a link leads on.
  Result<bool> AtTheEnd(const std::string& name) {
    output_.file = name;
    const FileDescriptor entry = OpenPath(output_.directory.get(), name, O_NOFOLLOW);
    if (!entry.valid()) {
      if (errno == ENOENT) return true;
      return status::IOError(errno, "cannot write ", path_);
    }
    struct stat info;
    if (::fstat(entry.get(), &info) != 0) return status::IOError(errno, "cannot write ", path_);
    if (S_ISLNK(info.st_mode)) {
      output_.open_file = IsInProc(output_.directory.get());
      if (output_.open_file) return true;
      ALKAID_RETURN_NOT_OK(FollowLink(name, entry, info));
      return false;
    }
    ALKAID_RETURN_NOT_OK(CheckOwner(name, info));
    output_.found = info;
    return true;
  }

  const std::string& path_;
  OutputPath output_;
  std::vector<std::string> names_;  // still to walk; the next one is last
  int links_ = 0;
};

// Repeats `open` until it is not interrupted.
template <typename Open>
FileDescriptor Opened(Open open) {
  int fd;
  do {
    fd = open();
  } while (fd < 0 && errno == EINTR);
  return FileDescriptor(AboveStandardStreams(fd));
}

}  // namespace

Result<OutputPath> FindOutput(const std::string& path) { return Walk(path).Run(); }

int OpenFound(const OutputPath& output, int flags) {
  FileDescriptor fd(AboveStandardStreams(
      ::openat(output.directory.get(), output.file.c_str(),
               O_CLOEXEC | O_NOCTTY | flags | (output.open_file ? 0 : O_NOFOLLOW))));
  if (!fd.valid() || !output.found) return fd.Release();
  struct stat info;
  const bool same = ::fstat(fd.get(), &info) == 0 && info.st_dev == output.found->st_dev &&
                    info.st_ino == output.found->st_ino;
  if (same) return fd.Release();
  errno = ESTALE;
  return -1;
}

Result<FileDescriptor> OpenOutput(const std::string& path, int access, bool empty) {
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    ALKAID_ASSIGN_OR_RAISE(const OutputPath output, FindOutput(path));
    const bool there = output.found || output.open_file;
    FileDescriptor fd = Opened([&] {
      if (there) return OpenFound(output, access);
      return ::openat(output.directory.get(), output.file.c_str(),
                      access | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    });
    if (!fd.valid()) {
      // It was made, removed or replaced since it was found.
      if (errno == (there ? ENOENT : EEXIST) || errno == ESTALE) continue;
      return status::IOError(errno, "cannot open ", path, " for writing");
    }
    struct stat info;
    if (there && empty && ::fstat(fd.get(), &info) == 0 && S_ISREG(info.st_mode) &&
        ::ftruncate(fd.get(), 0) != 0) {
      return status::IOError(errno, "cannot empty ", path);
    }
    return fd;
  }
  return status::IOError(EAGAIN, "cannot open ", path, " for writing: others keep replacing it");
}

}  // namespace alkaid::io::internal
