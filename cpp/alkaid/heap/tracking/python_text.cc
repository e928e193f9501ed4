#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "alkaid/heap/tracking/python_text_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

bool IsReadable(uint64_t address) {
  constexpr int kNoSuchWay = -1;
  constexpr size_t kSetBytes = 8;  // of the kernel's set of signals
  const int kept = errno;
  errno = 0;
  ::syscall(SYS_rt_sigprocmask, kNoSuchWay, address, nullptr, kSetBytes);
  const bool readable = errno == EINVAL;
  errno = kept;
  return readable;
}

bool ReadOwnMemory(uint64_t address, void* to, uint64_t size) {
  const int kept = errno;
  const iovec into = {to, size};
  const iovec from = {reinterpret_cast<void*>(address), size};
  const ssize_t got = ::process_vm_readv(static_cast<pid_t>(ThreadId()), &into, 1, &from, 1, 0);
  errno = kept;
  return got == static_cast<ssize_t>(size);
}

bool PythonText::Read(uint64_t object, uint64_t unicode_type, const PythonLayout& layout,
                      bool last) {
  size_ = 0;
  struct Head {
    uint64_t references;
    uint64_t type;
    int64_t length;
    uint64_t hash;
    uint32_t state;
  } head;
  static_assert(offsetof(Head, type) == kPythonType && offsetof(Head, state) == kUnicodeState);
  if (!ReadOwnMemory(object, &head, sizeof(head)) || head.type != unicode_type) return false;
  const uint32_t kind = (head.state >> 2) & 7;  // bytes of a character
  const bool compact = ((head.state >> 5) & 1) != 0;
  const bool ascii = ((head.state >> 6) & 1) != 0;
  if (!compact || (kind != 1 && kind != 2 && kind != 4) || head.length < 0 ||
      head.length >= int64_t{1} << 40) {
    return false;
  }
  const uint64_t most = kind == 1 ? kMaxPythonText : kMaxPythonText / 2;
  const auto length = static_cast<uint64_t>(head.length);
  const uint64_t count = std::min(length, most);
  const uint64_t skipped = last ? length - count : 0;
  uint8_t raw[2 * kMaxPythonText];
  const uint64_t start = object + (ascii ? layout.ascii_bytes : layout.unicode_bytes);
  if (count > 0 && !ReadOwnMemory(start + skipped * kind, raw, count * kind)) return false;
  for (uint64_t i = 0; i < count; ++i) {
    uint32_t character = 0;
    std::memcpy(&character, raw + i * kind, kind);
    Add(character);
  }
  return true;
}

void PythonText::Add(uint32_t character) {
  const auto put = [this](uint32_t byte) { bytes_[size_++] = static_cast<char>(byte); };
  const auto follow = [&](int shift) { put(0x80 | ((character >> shift) & 0x3f)); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xc0 | (character >> 6));
    follow(0);
  } else if (character < 0x10000) {
    put(0xe0 | (character >> 12));
    follow(6);
    follow(0);
  } else {
    put(0xf0 | ((character >> 18) & 7));
    follow(12);
    follow(6);
    follow(0);
  }
}

namespace {

// The bytes of a line table, one by one.
class TableBytes {
 public:
  explicit TableBytes(uint64_t table) {
    struct Head {
      uint64_t references;
      uint64_t type;
      int64_t size;
    } head;
    constexpr int64_t kMax = int64_t{16} << 20;
    if (!ReadOwnMemory(table, &head, sizeof(head)) || head.size < 0 || head.size > kMax) return;
    next_ = table + kPythonBytes;
    left_ = static_cast<uint64_t>(head.size);
  }

  // False at the end, or if the memory cannot be read.
  bool Next(uint8_t* byte) {
    if (at_ == filled_) {
      at_ = 0;
      filled_ = std::min<uint64_t>(left_, sizeof(bytes_));
      if (filled_ == 0 || !ReadOwnMemory(next_, bytes_, filled_)) {
        filled_ = left_ = 0;
        return false;
      }
      next_ += filled_;
      left_ -= filled_;
    }
    *byte = bytes_[at_++];
    return true;
  }
  bool Skip(int count) {
    uint8_t byte = 0;
    while (count > 0 && Next(&byte)) --count;
    return count == 0;
  }
  // A variable-length number: pieces of six bits, the lowest first.
  bool Number(uint32_t* number) {
    *number = 0;
    uint8_t byte = 0x40;
    for (int shift = 0; (byte & 0x40) != 0; shift += 6) {
      if (shift > 30 || !Next(&byte)) return false;
      *number |= static_cast<uint32_t>(byte & 0x3f) << shift;
    }
    return true;
  }
  bool SignedNumber(int64_t* number) {
    uint32_t bits = 0;
    if (!Number(&bits)) return false;
    *number = (bits & 1) != 0 ? -static_cast<int64_t>(bits >> 1) : static_cast<int64_t>(bits >> 1);
    return true;
  }

 private:
  uint64_t next_ = 0;
  uint64_t left_ = 0;
  uint64_t at_ = 0;
  uint64_t filled_ = 0;
  uint8_t bytes_[128];
};

// The form of an entry: how it encodes the place of its instructions.
enum Form : int { kOneLine = 10, kThreeLines = 12, kNoColumns = 13, kLong = 14, kNowhere = 15 };

}  // namespace

uint32_t PythonLineOf(uint64_t table, uint64_t unit, int32_t first_line) {
  TableBytes bytes(table);
  int64_t line = first_line;
  uint64_t end = 0;
  uint8_t head = 0;
  while (bytes.Next(&head)) {
    if ((head & 0x80) == 0) return 0;
    const int form = (head >> 3) & 15;
    int64_t delta = 0;
    bool whole = true;
    if (form < kOneLine) {
      whole = bytes.Skip(1);
    } else if (form <= kThreeLines) {
      delta = form - kOneLine;
      whole = bytes.Skip(2);
    } else if (form == kNoColumns) {
      whole = bytes.SignedNumber(&delta);
    } else if (form == kLong) {
      uint32_t skipped = 0;
      whole = bytes.SignedNumber(&delta) && bytes.Number(&skipped) && bytes.Number(&skipped) &&
              bytes.Number(&skipped);
    }
    if (!whole) return 0;
    line += delta;
    end += (head & 7) + 1u;
    if (unit < end) {
      return form == kNowhere || line <= 0 || line >= kHiddenLine ? 0 : static_cast<uint32_t>(line);
    }
  }
  return 0;
}

}  // namespace alkaid::heap
