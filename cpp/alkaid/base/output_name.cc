#include "alkaid/base/output_name.h"

#include <unistd.h>

#include <array>
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

// Passes the name piece by piece to `add`. Returns whether it contains the process id.
template <typename Add>
bool Expand(std::string_view pattern, uint32_t process, uint64_t number, const Add& add) {
  bool names_process = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
    if (pattern[i] != '%' || (next != 'p' && next != 'n' && next != '%')) {
      add(pattern.substr(i, 1));
      continue;
    }
    std::array<char, 20> digits;
    const uint64_t value = next == 'p' ? process : number;
    const char* const end = std::to_chars(digits.begin(), digits.end(), value).ptr;
    add(next == '%' ? "%" : std::string_view(digits.begin(), end));
    names_process = names_process || next == 'p';
    ++i;
  }
  return names_process;
}

template <typename Add>
void ExpandOwn(std::string_view pattern, uint32_t owner, uint64_t number, const Add& add) {
  // A program that confines itself may be refused its own id.
  const pid_t pid = ::getpid();
  const uint32_t self = pid > 0 ? static_cast<uint32_t>(pid) : owner;
  if (Expand(pattern, self, number, add) || self == owner) return;
  Expand(".%p", self, number, add);
}

}  // namespace

std::string OutputName(std::string_view pattern, uint32_t process, uint64_t number) {
  std::string name;
  Expand(pattern, process, number, [&](std::string_view piece) { name += piece; });
  return name;
}

std::string OwnOutputName(std::string_view pattern, uint32_t owner, uint64_t number) {
  std::string name;
  ExpandOwn(pattern, owner, number, [&](std::string_view piece) { name += piece; });
  return name;
}

std::string_view OwnOutputName(std::string_view pattern, uint32_t owner, uint64_t number,
                               std::span<char> room) {
  size_t size = 0;
  ExpandOwn(pattern, owner, number, [&](std::string_view piece) {
    size += piece.copy(room.data() + size, room.size() - size);
  });
  return {room.data(), size};
}

uint32_t OutputOwner() {
  const uint32_t owner = NamedOwner();
  return owner != 0 ? owner : Self();
}

bool IsOutputOwner() { return NamedOwner() == Self(); }

}  // namespace alkaid::internal
