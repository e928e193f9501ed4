// SourceNote: where bytes in memory came from, told to whoever watches views.
//
// A reader that fills a buffer from a file knows the file, the offset, and what times are recorded
// in the bytes; a census of what keeps buffers alive does not, and may not read them. So the reader
// tells, under `if (internal::ViewEventsOn())`, and observers remember until the root of the bytes
// is released or its memory is reallocated (MemoryObserver::OnSourceNote).
//
// Ownership: a note borrows everything, for the call. Threads: plain values. Allocates nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace alkaid {

// From byte `offset` of the noted bytes on, until the mark of a later byte, they are of that time.
// Two marks of one byte: of times from the lesser to the greater, since not every time was kept.
struct SourceTime {
  int64_t offset = 0;
  uint64_t time_ns = 0;  // nanoseconds since the source's epoch; 0 is a time as any other
};

struct SourceNote {
  const void* data = nullptr;  // inside a live root
  int64_t size = 0;            // bytes
  std::string_view source;     // mostly the name of a file
  int64_t offset = -1;         // byte of the source that is the first of these; -1: of no one place
  std::span<const SourceTime> times;  // by offset; may be empty
};

}  // namespace alkaid
