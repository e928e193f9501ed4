#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "alkaid/base/file_descriptor_internal.h"
#include "alkaid/heap/reports/process_text_internal.h"

namespace alkaid::heap {

std::string ProcessText(const char* path) {
  const internal::FileDescriptor file(
      internal::AboveStandardStreams(::open(path, O_RDONLY | O_CLOEXEC)));
  std::string text;
  std::array<char, 4096> chunk;
  while (file.valid()) {
    const ssize_t got = ::read(file.get(), chunk.data(), chunk.size());
    if (got > 0) {
      text.append(chunk.data(), static_cast<size_t>(got));
    } else if (got == 0 || errno != EINTR) {
      break;
    }
  }
  return text;
}

}  // namespace alkaid::heap
