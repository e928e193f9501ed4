#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "alkaid/core/files/temporary_file_internal.h"

namespace alkaid::io::internal {
namespace {

using alkaid::internal::AboveStandardStreams;
using alkaid::internal::FileDescriptor;

// Bytes of a file's name that its temporary name keeps, so that the whole stays below NAME_MAX.
constexpr size_t kKeptOfName = 200;
constexpr size_t kDigits = 16;
constexpr std::string_view kSuffix = ".tmp";
constexpr int kMaxAttempts = 1000;
constexpr int kMaxNames = 100'000;

std::string HexDigits(uint64_t number) { return absl::StrCat(absl::Hex(number, absl::kZeroPad16)); }

bool AreHexDigits(std::string_view text) {
  return text.size() == kDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// Empty if the kernel does not report it.
std::string BootId() {
  const FileDescriptor fd(
      AboveStandardStreams(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)));
  std::array<char, 64> text;
  const ssize_t length = fd.valid() ? ::read(fd.get(), text.data(), text.size()) : 0;
  std::string digits;
  for (ssize_t i = 0; i < length && digits.size() < kDigits; ++i) {
    const char c = text[static_cast<size_t>(i)];
    if (c != '-') digits += c;
  }
  return AreHexDigits(digits) ? digits : "";
}

uint64_t RandomNumber() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof(number), GRND_NONBLOCK) == sizeof(number)) return number;
  // The fallback early in the system's start. O_EXCL guards against names that are taken.
  static std::atomic<uint64_t> count{0};
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return (static_cast<uint64_t>(now.tv_nsec) << 32) + count.fetch_add(1, std::memory_order_relaxed);
}

std::string Stem(const std::string& file) {
  return absl::StrCat(".", file.substr(0, kKeptOfName), ".");
}

// Whether a file of that name was made under this kernel by a process that has ended.
bool IsOfADeadProcess(std::string_view name, std::string_view stem, std::string_view boot) {
  if (!name.starts_with(stem) || !name.ends_with(kSuffix)) return false;
  name.remove_prefix(stem.size());
  if (name.size() < kSuffix.size()) return false;
  name.remove_suffix(kSuffix.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  if (error != std::errc() || pid <= 0) return false;
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  if (name.size() != 2 * (1 + kDigits) || name[0] != '-' || name[1 + kDigits] != '-') return false;
  if (name.substr(1, kDigits) != boot || !AreHexDigits(name.substr(2 + kDigits))) return false;
  // Another process may have had this process's id before, as in containers.
  return pid == ::getpid() || (::kill(pid, 0) != 0 && errno == ESRCH);
}

bool IsStillThere(int fd) {
  struct stat info;
  return ::fstat(fd, &info) == 0 && info.st_nlink > 0;
}

void RemoveIfUnlocked(int directory, const char* name) {
  struct stat listed;
  if (::fstatat(directory, name, &listed, AT_SYMLINK_NOFOLLOW) != 0) return;
  if (!S_ISREG(listed.st_mode) || listed.st_uid != ::geteuid()) return;
  // NFS grants such a lock only to a process that may write.
  constexpr int kFlags = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  FileDescriptor fd(AboveStandardStreams(::openat(directory, name, O_WRONLY | kFlags)));
  if (!fd.valid()) {
    fd.Reset(AboveStandardStreams(::openat(directory, name, O_RDONLY | kFlags)));
  }
  struct stat opened;
  if (!fd.valid() || ::fstat(fd.get(), &opened) != 0 || opened.st_dev != listed.st_dev ||
      opened.st_ino != listed.st_ino) {
    return;
  }
  // If a writer has created this file but not locked it yet, its own lock fails, and it makes
  // another.
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) ::unlinkat(directory, name, 0);
}

}  // namespace

TemporaryFile MakeTemporaryFile(int directory, const std::string& file, mode_t mode) {
  TemporaryFile made;
  std::string boot = BootId();
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    made.name = absl::StrCat(Stem(file), ::getpid(), "-", boot, boot.empty() ? "" : "-",
                             HexDigits(RandomNumber()), std::string(kSuffix));
    made.fd.Reset(::openat(directory, made.name.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    made.error = made.fd.valid() ? 0 : errno;
    if (made.error == EEXIST || made.error == EINTR) continue;
    if (made.error != 0) return made;
    made.fd.Reset(AboveStandardStreams(made.fd.Release()));
    made.error = made.fd.valid() ? 0 : errno;
    const bool locked =
        made.error == 0 && !boot.empty() && ::flock(made.fd.get(), LOCK_EX | LOCK_NB) == 0;
    const int refusal = locked ? 0 : errno;
    if (made.error == 0 && (boot.empty() || (locked && IsStillThere(made.fd.get())))) return made;
    ::unlinkat(directory, made.name.c_str(), 0);
    made.fd.Reset();
    if (made.error != 0) return made;
    // Without locks nobody could see that the file is being written.
    if (!locked && refusal != EWOULDBLOCK && refusal != EINTR) boot.clear();
    made.error = EEXIST;
  }
  return made;
}

void RemoveLeftovers(int directory, const std::string& file) {
  const std::string boot = BootId();
  // A copy, because a DIR closes its descriptor.
  const int copy =
      AboveStandardStreams(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::unique_ptr<DIR, int (*)(DIR*)> names(copy < 0 ? nullptr : ::fdopendir(copy),
                                                  ::closedir);
  if (names == nullptr) {
    if (copy >= 0) ::close(copy);
    return;
  }
  if (boot.empty()) return;
  const std::string stem = Stem(file);
  for (int i = 0; i < kMaxNames; ++i) {
    const dirent* const entry = ::readdir(names.get());
    if (entry == nullptr) return;
    if (IsOfADeadProcess(entry->d_name, stem, boot)) RemoveIfUnlocked(directory, entry->d_name);
  }
}

}  // namespace alkaid::io::internal
