#include "alkaid/base/output_name.h"

#include <unistd.h>

#include <charconv>

#include "alkaid/base/environment.h"

namespace alkaid::internal {
namespace {

using std::size_t;

uint32_t Self() { return static_cast<uint32_t>(::getpid()); }

// What ALKAID_HEAP_OWNER says; 0 for no process.
uint32_t NamedOwner() {
  const std::string text = GetEnvironment(kHeapOwnerVariable);
  uint32_t owner = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), owner);
  const bool whole = parsed.ec == std::errc() && parsed.ptr == text.data() + text.size();
  return whole ? owner : 0;
}

}  // namespace

std::string OutputName(std::string_view pattern, uint32_t process, uint64_t number) {
  std::string name;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (pattern[i] != '%' || (next != 'p' && next != 'n' && next != '%')) {
      name += pattern[i];
      continue;
    }
    if (next == 'p') name += std::to_string(process);
    if (next == 'n') name += std::to_string(number);
    if (next == '%') name += '%';
    ++i;
  }
  return name;
}

std::string OwnOutputName(std::string_view pattern, uint32_t owner, uint64_t number) {
  // A program that confines itself may be refused its own id.
  const pid_t pid = ::getpid();
  const uint32_t self = pid > 0 ? static_cast<uint32_t>(pid) : owner;
  std::string name = OutputName(pattern, self, number);
  // Without the process in its name it is the same name with another number.
  const bool names_process = name != OutputName(pattern, self + 1, number);
  if (self != owner && !names_process) name += "." + std::to_string(self);
  return name;
}

uint32_t OutputOwner() {
  const uint32_t owner = NamedOwner();
  return owner != 0 ? owner : Self();
}

bool IsOutputOwner() { return NamedOwner() == Self(); }

}  // namespace alkaid::internal
