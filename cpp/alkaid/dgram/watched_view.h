// Watch: makes datagrams and events visible to a report of what keeps batches alive
// (heap/reports/retention_report.h).
//
// A Dgram keeps its batch through the DgramOrigin that all datagrams of the batch share, so a batch
// does not show how much of it is still wanted. While views are watched, each such value also keeps
// a slice of its own bytes, which is reported to observers like any other slice. While they are not
// watched, nothing here is called, and a value is as small as ever.
//
// Ownership: the slice goes with the last copy of the reference. Threads: all functions, from any
// thread. Out of memory: the value stays unwatched.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/base/export.h"
#include "alkaid/core/buffers/buffer.h"

namespace alkaid::dgram {

struct DgramOrigin;

namespace internal {

// Another reference to what `keeper` points to. It keeps that, and a slice of the `size` bytes from
// `data` on inside `buffer`. The slice replaces the one that `keeper` may keep.
ALKAID_EXPORT std::shared_ptr<const void> WatchBytes(const std::shared_ptr<const void>& keeper,
                                                     const std::shared_ptr<Buffer>& buffer,
                                                     const uint8_t* data, int64_t size) noexcept;

// Makes `*keeper`, whose `buffer` holds the bytes, such a reference. Call it under
// `if (alkaid::internal::ViewEventsOn()) [[unlikely]]`.
template <typename Keeper>
void Watch(std::shared_ptr<const Keeper>* keeper, const uint8_t* data, int64_t size) noexcept {
  if (*keeper == nullptr || (*keeper)->buffer == nullptr || data == nullptr) return;
  *keeper =
      std::static_pointer_cast<const Keeper>(WatchBytes(*keeper, (*keeper)->buffer, data, size));
}

// Reports to observers where these datagrams of the origin's buffer came from, and their times.
// Leaves out datagrams without a sound header and everything after one. Call it under the same
// condition.
ALKAID_EXPORT void TellSourceOf(const DgramOrigin& origin, const uint8_t* begin,
                                int64_t nbytes) noexcept;

}  // namespace internal
}  // namespace alkaid::dgram
