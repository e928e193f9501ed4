#include "alkaid/growth/leak_profile_run.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <csignal>
#include <cstring>
#include <new>

#include "absl/strings/str_cat.h"
#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/base/time_text.h"
#include "alkaid/growth/npy_header_internal.h"

namespace alkaid::growth {
namespace {

using End = LeakProfileRun::End;

constexpr char kProcess[] = "process ";
constexpr char kHasNotEnded[] = " has not ended";
constexpr char kEndedBySignal[] = " ended by signal ";
constexpr char kEnded[] = " ended";
constexpr char kCommand[] = ": ";

// Characters. Keeps the header far below the 10,000 bytes that numpy.load accepts.
constexpr size_t kMaxCommandLength = 600;
// Bytes. No header made here is longer.
constexpr size_t kMaxHeaderLength = 2048;

bool Take(std::string_view* text, std::string_view word) {
  if (!text->starts_with(word)) return false;
  text->remove_prefix(word.size());
  return true;
}

template <typename Number>
bool TakeNumber(std::string_view* text, Number* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc() || *number <= 0) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

// One argument, quoted for a shell; false where it has a character that cannot stand in a line.
bool AppendQuoted(std::string_view argument, std::string* command) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=:,@%+-";
  for (const char c : argument) {
    if (c < ' ' || c > '~') return false;  // what is beyond ASCII is below zero or above
  }
  if (!command->empty()) *command += ' ';
  if (!argument.empty() && argument.find_first_not_of(kPlain) == std::string_view::npos) {
    *command += argument;
    return true;
  }
  *command += '\'';
  for (const char c : argument) {
    if (c == '\'') {
      *command += "'\\''";
    } else {
      *command += c;
    }
  }
  *command += '\'';
  return true;
}

std::string ThisCommand() {
  const internal::FileDescriptor file(
      internal::AboveStandardStreams(::open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC)));
  std::array<char, kMaxCommandLength + 1> room;
  const ssize_t length = file.valid() ? ::read(file.get(), room.data(), room.size()) : -1;
  if (length <= 0 || static_cast<size_t>(length) == room.size()) return "";
  std::string_view arguments(room.data(), static_cast<size_t>(length));
  std::string command;
  while (!arguments.empty()) {
    const std::string_view argument = arguments.substr(0, arguments.find('\0'));
    if (!AppendQuoted(argument, &command)) return "";
    arguments.remove_prefix(std::min(argument.size() + 1, arguments.size()));
  }
  return command.size() <= kMaxCommandLength ? command : "";
}

std::string SignalName(int signal) {
  const char* const name = ::sigabbrev_np(signal);
  return name != nullptr ? absl::StrCat("SIG", name) : absl::StrCat("signal ", signal);
}

std::string EndText(const LeakProfileRun& run) {
  switch (run.end) {
    case End::kNormal:
      return "ended normally";
    case End::kSignal:
      return "ended by " + SignalName(run.signal);
    case End::kRunning:
      return "is still running";
    case End::kWithoutWord:
      return "ended without a last word, as by SIGKILL, SIGTERM, abort or _exit";
    case End::kNotKnown:
      return "did not end normally, or is still running: the file system has no locks, which would "
             "show it";
    case End::kNotRecorded:
      break;
  }
  return "";
}

}  // namespace

std::string RunComment(const LeakProfileRun& run) {
  std::string text = absl::StrCat(kProcess, run.process);
  if (run.end == End::kNormal) {
    absl::StrAppend(&text, kEnded);
  } else if (run.end == End::kSignal) {
    absl::StrAppend(&text, kEndedBySignal, run.signal);
  } else {
    absl::StrAppend(&text, kHasNotEnded);
  }
  if (!run.command.empty()) absl::StrAppend(&text, kCommand, run.command);
  return text;
}

LeakProfileRun ParseRunComment(std::string_view comment) {
  LeakProfileRun run;
  if (!Take(&comment, kProcess) || !TakeNumber(&comment, &run.process)) return {};
  if (Take(&comment, kHasNotEnded)) {
    run.end = End::kRunning;
  } else if (Take(&comment, kEndedBySignal)) {
    if (!TakeNumber(&comment, &run.signal)) return {};
    run.end = End::kSignal;
  } else if (Take(&comment, kEnded)) {
    run.end = End::kNormal;
  } else {
    return {};
  }
  if (!comment.empty() && !Take(&comment, kCommand)) return {};
  run.command = comment;
  return run;
}

bool SaysHasNotEnded(std::string_view comment) {
  return ParseRunComment(comment).end == End::kRunning;
}

std::string RunText(const LeakProfileRun& run, double last_stamp_s) {
  if (run.end == End::kNotRecorded) return "";
  std::string text = run.command.empty() ? absl::StrCat("process ", run.process)
                                         : absl::StrCat(run.command, ", process ", run.process);
  absl::StrAppend(&text, ": ", EndText(run));
  constexpr double kMaxSeconds = 1e10;  // in nanoseconds they fit
  if (!(last_stamp_s > 0 && last_stamp_s < kMaxSeconds)) return text;
  return absl::StrCat(text, "; its last stamp is of ",
                      internal::TimeText(static_cast<uint64_t>(last_stamp_s) * 1'000'000'000));
}

std::string_view RunEndName(End end) {
  constexpr std::array<std::string_view, 6> kNames = {
      "not recorded", "normal", "signal", "running", "without a word", "not known"};
  return kNames[static_cast<size_t>(end)];
}

LeakProfileRun ThisRun() {
  return {
      .end = End::kRunning, .process = static_cast<uint32_t>(::getpid()), .command = ThisCommand()};
}

Result<LeakProfileRun> ReadLeakProfileRun(const std::string& path) try {
  const internal::FileDescriptor file(
      internal::AboveStandardStreams(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)));
  if (!file.valid()) return status::IOError(errno, "cannot open ", path);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return status::IOError(errno, path);
  if (!S_ISREG(info.st_mode)) return LeakProfileRun();
  std::string head(kMaxHeaderLength, '\0');
  ssize_t length;
  do {
    length = ::pread(file.get(), head.data(), head.size(), 0);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return status::IOError(errno, "cannot read ", path);
  head.resize(static_cast<size_t>(length));
  const Result<NpyHeader> header = ParseNpyHead(head, path);
  if (!header.ok()) return LeakProfileRun();  // ReadLeakProfile reports what is wrong with it
  LeakProfileRun run = ParseRunComment(header->comment);
  if (run.end != End::kRunning) return run;
  struct flock lock = {};
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(file.get(), F_OFD_GETLK, &lock) != 0) {
    run.end = End::kNotKnown;
  } else if (lock.l_type == F_UNLCK) {
    run.end = End::kWithoutWord;
  }
  return run;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::growth
