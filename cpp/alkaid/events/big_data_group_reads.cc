#include <algorithm>
#include <bit>
#include <thread>
#include <utility>

#include "alkaid/core/files/live_file.h"
#include "alkaid/core/files/partial_read.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/events/big_data_files_internal.h"
#include "alkaid/events/big_data_group_reads_internal.h"

namespace alkaid::events::internal {

BigDataGroupReads::BigDataGroupReads(const BigDataReaderOptions& options,
                                     BigDataReader::Statistics* statistics)
    : options_(options),
      statistics_(statistics),
      recycler_(
          std::make_shared<dgram::BlockRecycler>(options.pool, Label::Intern("events.big_data"),
                                                 static_cast<size_t>(options.prefetch) + 2)) {}

BigDataGroupReads::~BigDataGroupReads() {
  queue_.reset();
  recycler_->Close();
}

Status BigDataGroupReads::Start() {
  const io::ReadQueueKind kind =
      options_.prefetch == 0 ? io::ReadQueueKind::kInline : options_.queue;
  ALKAID_ASSIGN_OR_RAISE(queue_, io::ReadQueue::Make(kind, options_.prefetch + 1));
  generation_ = alkaid::internal::ForkGeneration();
  return absl::OkStatus();
}

Status BigDataGroupReads::OwnQueue(BigDataPlan* plan) {
  const uint64_t generation = alkaid::internal::ForkGeneration();
  if (generation == generation_) return absl::OkStatus();
  ALKAID_RETURN_NOT_OK(Start());
  // Reads in flight go to the parent's memory.
  for (BigDataPlan::Stream& stream : plan->streams()) {
    for (const auto& group : stream.groups) {
      if (group->ticket < 0) continue;
      group->ticket = -1;
      group->buffer = nullptr;
    }
  }
  return absl::OkStatus();
}

Status BigDataGroupReads::Submit(BigDataGroup* group) {
  // Rounded up, so that blocks of a few sizes serve groups of any size.
  const auto rounded = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(group->nbytes)));
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer,
                         recycler_->Take(group->nbytes, std::min(rounded, options_.chunk_bytes)));
  ALKAID_ASSIGN_OR_RAISE(group->ticket,
                         queue_->Submit({group->file->file, group->offset, group->nbytes, buffer}));
  group->buffer = std::move(buffer);
  ++statistics_->reads;
  return absl::OkStatus();
}

Status BigDataGroupReads::Finish(BigDataGroup* group) {
  // Made before the wait: what was read must not be lost for want of memory.
  auto origin = std::make_shared<dgram::DgramOrigin>(
      dgram::DgramOrigin{nullptr, group->configuration, group->file->path, group->offset});
  origin->index_is_of_event = true;
  const io::ReadOutcome outcome = queue_->Wait(std::exchange(group->ticket, -1));
  const std::shared_ptr<Buffer> buffer = std::move(group->buffer);
  // If one of these fails, the next call reads the group again.
  group->there = outcome.nbytes;
  group->failure = absl::OkStatus();
  if (!outcome.status.ok()) {
    ALKAID_RETURN_NOT_OK(Salvage(group, buffer->mutable_data(), outcome.status));
  } else if (group->there < group->nbytes) {
    ALKAID_RETURN_NOT_OK(ReadRest(group, buffer->mutable_data()));
  }
  origin->buffer = buffer;
  group->origin = std::move(origin);
  if (alkaid::internal::ViewEventsOn()) [[unlikely]]
    dgram::internal::TellSourceOf(*group->origin, buffer->data(), group->there);
  return absl::OkStatus();
}

Status BigDataGroupReads::Salvage(BigDataGroup* group, uint8_t* bytes, Status failure) {
  io::PartialRead read = io::ReadBeforeFailure(*group->file->file, group->offset, group->nbytes,
                                               bytes, std::move(failure));
  if (read.nbytes == 0 && !read.failure.ok()) return read.failure;
  group->there = read.nbytes;
  group->failure = std::move(read.failure);
  return absl::OkStatus();
}

Status BigDataGroupReads::ReadRest(BigDataGroup* group, uint8_t* bytes) {
  if (options_.live != nullptr) return WaitForRest(group, bytes);
  for (int retry = 0; retry < options_.max_retries && group->there < group->nbytes; ++retry) {
    std::this_thread::sleep_for(options_.retry_pause);
    ++statistics_->retries;
    ALKAID_ASSIGN_OR_RAISE(
        const int64_t more,
        group->file->file->ReadAt(group->offset + group->there, group->nbytes - group->there,
                                  bytes + group->there));
    group->there += more;
  }
  return absl::OkStatus();
}

Status BigDataGroupReads::WaitForRest(BigDataGroup* group, uint8_t* bytes) {
  io::LiveFile& live = *group->file->live;
  while (group->there < group->nbytes) {
    ALKAID_ASSIGN_OR_RAISE(const int64_t more,
                           live.ReadSome(group->offset + group->there, group->nbytes - group->there,
                                         bytes + group->there));
    // A copy may have replaced the file.
    group->file->file = live.file();
    // After a silence, the file has what is there.
    if (more == 0)
      return options_.live->end() == io::LiveEnd::kStopped ? StoppedStatus() : Status();
    group->there += more;
  }
  return absl::OkStatus();
}

}  // namespace alkaid::events::internal
