// Lets a census of what keeps batches alive (heap/reports/retention_report.h) see datagrams and
// events.
//
// A Dgram keeps its batch through what all datagrams of the batch share, so nothing tells how much
// of the batch is still wanted. While views are watched, each such value keeps beside it a slice of
// its own bytes, which observers are told of as of any other slice. While they are not, nothing
// here is called, and a value is what it always was.
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

// Another reference to what `keeper` points to, which keeps that and a slice of `size` bytes from
// `data` on, inside `buffer`; in place of the slice that `keeper` kept, if it did.
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

// Tells observers where these datagrams of the origin's buffer came from, and their times.
// Datagrams without a sound header, and what follows them, are left out. Call it under the same
// condition.
ALKAID_EXPORT void TellSourceOf(const DgramOrigin& origin, const uint8_t* begin,
                                int64_t nbytes) noexcept;

}  // namespace internal
}  // namespace alkaid::dgram
