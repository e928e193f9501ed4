// SourceNote: where bytes in memory came from, for observers of views.
//
// A reader that fills a buffer from a file knows the file, the offset, and which times are recorded
// in the bytes. A report of what keeps buffers alive does not know them and may not read the bytes.
// So the reader emits a note, under `if (internal::ViewEventsOn())`, and observers keep it until
// the root of the bytes is released or its memory is reallocated (MemoryObserver::OnSourceNote).
//
// Ownership: a note borrows everything, for the call. Threads: plain values. Allocates nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace alkaid {

// From byte `offset` of the noted bytes up to the next mark, the bytes are of this time. Two marks
// at one byte: the bytes are of times from the lesser to the greater, because not every time was
// kept.
struct SourceTime {
  int64_t offset = 0;
  uint64_t time_ns = 0;  // nanoseconds since the source's epoch; 0 is a valid time
};

struct SourceNote {
  const void* data = nullptr;         // inside a live root
  int64_t size = 0;                   // bytes
  std::string_view source;            // usually a file name
  int64_t offset = -1;                // of the first byte, in the source; -1: not in one place
  std::span<const SourceTime> times;  // sorted by offset; may be empty
};

}  // namespace alkaid
