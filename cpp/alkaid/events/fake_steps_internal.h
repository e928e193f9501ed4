// MakeFakeSteps: a Disable, EndStep, BeginStep and Enable after a window of small data, so that each
// window is a step of its own.
//
// Ownership: the result owns its bytes. Threads: one at a time for the same streams. Out of memory:
// kResourceExhausted, or std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/pool_handle.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/events/pending_stream_internal.h"

namespace alkaid::events::internal {

inline constexpr int64_t kFakeSteps = 4;

// Adds to a time of seconds and nanoseconds. A sum that is too late for a Timestamp becomes the
// last moment.
dgram::Timestamp Later(dgram::Timestamp timestamp, int64_t nanoseconds);

// The steps after the window of what is pending up to `limit`, or null where it needs none. `limit`
// becomes the time of the last of them; `enabled`, whether the window ends between an Enable and a
// Disable. kFailedPrecondition where a stream goes on before the steps would end.
Result<std::shared_ptr<Buffer>> MakeFakeSteps(
    std::span<const std::unique_ptr<PendingStream>> streams, const PoolHandle& pool,
    dgram::Timestamp* limit, bool* enabled);

}  // namespace alkaid::events::internal
