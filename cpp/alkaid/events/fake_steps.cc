#include <algorithm>
#include <limits>

#include "alkaid/dgram/writer.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/fake_steps_internal.h"

namespace alkaid::events::internal {

using dgram::Dgram;
using dgram::Timestamp;
using dgram::TransitionId;

Timestamp Later(Timestamp timestamp, int64_t nanoseconds) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const uint64_t sum = timestamp.total_nanoseconds() + static_cast<uint64_t>(nanoseconds);
  if (sum / kSecond > std::numeric_limits<uint32_t>::max()) {
    return Timestamp(std::numeric_limits<uint64_t>::max());
  }
  return Timestamp(static_cast<uint32_t>(sum / kSecond), static_cast<uint32_t>(sum % kSecond));
}

Result<std::shared_ptr<Buffer>> MakeFakeSteps(
    std::span<const std::unique_ptr<PendingStream>> streams, const PoolHandle& pool,
    Timestamp* limit, bool* enabled) {
  Timestamp last;
  bool l1_accepts = false;
  Timestamp latest_change;
  for (const auto& stream : streams) {
    for (const PendingStream::Piece& piece : stream->pieces()) {
      if (piece.batch.begin()->timestamp() > *limit) break;
      for (const Dgram& dgram : piece.batch) {
        if (dgram.timestamp() > *limit) break;
        last = std::max(last, dgram.timestamp());
        const TransitionId service = dgram.service();
        const bool begins = service == TransitionId::kEnable || IsL1Accept(service);
        const bool ends = service == TransitionId::kDisable || service == TransitionId::kEndStep ||
                          service == TransitionId::kEndRun;
        l1_accepts |= IsL1Accept(service);
        if ((begins || ends) && dgram.timestamp() >= latest_change) {
          latest_change = dgram.timestamp();
          *enabled = begins;
        }
      }
    }
  }
  std::shared_ptr<Buffer> steps;
  if (*enabled && l1_accepts) {
    const Timestamp end = Later(last, kFakeSteps);
    for (size_t i = 0; i < streams.size(); ++i) {
      const Timestamp next = streams[i]->NextAfter(*limit);
      if (next > end) continue;
      return status::FailedPrecondition("no room for a fake step after timestamp ", last.value(),
                                        ": stream ", i, " goes on at ", next.value());
    }
    dgram::DgramWriter writer(pool);
    int64_t nanoseconds = 0;
    for (const TransitionId service : {TransitionId::kDisable, TransitionId::kEndStep,
                                       TransitionId::kBeginStep, TransitionId::kEnable}) {
      ALKAID_RETURN_NOT_OK(writer.Begin(service, Later(last, ++nanoseconds)));
      ALKAID_RETURN_NOT_OK(writer.End());
    }
    ALKAID_ASSIGN_OR_RAISE(steps, writer.Finish());
    *limit = std::max(*limit, end);
  }
  return steps;
}

}  // namespace alkaid::events::internal
