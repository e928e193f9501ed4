#include "alkaid/growth/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <string_view>

#include "alkaid/base/file_descriptor_internal.h"

namespace alkaid::growth {
namespace {

constexpr char kFile[] = "/proc/self/statm";

// Takes a number off the front of `text`, with the space after it.
bool TakeNumberAndSpace(std::string_view* text, int64_t* number) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc() || *number < 0) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  if (text->empty() || text->front() != ' ') return false;
  text->remove_prefix(1);
  return true;
}

}  // namespace

Result<ProcessMemory> ReadProcessMemory() try {
  const int fd = internal::AboveStandardStreams(open(kFile, O_RDONLY | O_CLOEXEC));
  if (fd < 0) return status::IOError(errno, "open ", kFile);
  char text[256];
  ssize_t length;
  do {
    length = read(fd, text, sizeof(text));
  } while (length < 0 && errno == EINTR);
  const int error = errno;
  close(fd);
  if (length < 0) return status::IOError(error, "read ", kFile);

  std::string_view left(text, static_cast<size_t>(length));
  ProcessMemory pages;
  if (!TakeNumberAndSpace(&left, &pages.vm) || !TakeNumberAndSpace(&left, &pages.rss)) {
    return status::DataLoss(kFile, ": two numbers expected, found \"",
                            std::string(text, static_cast<size_t>(length)), "\"");
  }
  const int64_t page_size = sysconf(_SC_PAGESIZE);
  return ProcessMemory{.vm = pages.vm * page_size, .rss = pages.rss * page_size};
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::growth
