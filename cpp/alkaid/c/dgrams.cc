#include "alkaid/c/dgrams.h"

#include <memory>
#include <string>
#include <utility>

#include "alkaid/c/buffers_internal.h"
#include "alkaid/c/dgrams_internal.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/c/pools_internal.h"
#include "alkaid/c/structs_internal.h"

using alkaid::Result;
using alkaid::Status;
using alkaid::c::Call;
using alkaid::c::CheckNeeded;
using alkaid::c::Get;
using alkaid::c::IsOnlyReference;
using alkaid::c::Make;
using alkaid::c::NewBuffer;
using alkaid::c::NewConfiguration;
using alkaid::c::PoolOf;
using alkaid::c::Release;
using alkaid::c::Retain;
using alkaid::dgram::BatchReader;
using alkaid::dgram::BatchReaderOptions;
using alkaid::dgram::Dgram;
using alkaid::dgram::DgramBatch;

namespace alkaid::c {

std::unique_ptr<alkaid_configuration> NewConfiguration(
    const std::shared_ptr<const dgram::Configuration>& configuration) {
  if (configuration == nullptr) return nullptr;
  auto handle = std::make_unique<alkaid_configuration>();
  handle->configuration = configuration;
  return handle;
}

Result<dgram::OnFault> OnFaultOf(const char* name, int32_t on_fault) {
  switch (on_fault) {
    case ALKAID_ON_FAULT_STOP:
      return dgram::OnFault::kStop;
    case ALKAID_ON_FAULT_SKIP:
      return dgram::OnFault::kSkipDatagram;
    case ALKAID_ON_FAULT_RESYNC:
      return dgram::OnFault::kResync;
    default:
      return status::Invalid(name, " has on_fault ", on_fault,
                             ", which is not an ALKAID_ON_FAULT_ value");
  }
}

dgram::OnSkip OnSkipOf(alkaid_skip_function on_skip, void* context) {
  if (on_skip == nullptr) return nullptr;
  return [on_skip, context](const dgram::Skipped& skipped) {
    on_skip(skipped.ToString().c_str(), context);
  };
}

}  // namespace alkaid::c

namespace {

Result<BatchReaderOptions> OptionsOf(const alkaid_reader_options* given) {
  constexpr char kName[] = "alkaid_reader_options";
  ALKAID_ASSIGN_OR_RAISE(const auto options, alkaid::c::ReadOptions(kName, given));
  BatchReaderOptions made;
  if (options.batch_bytes != 0) made.batch_bytes = options.batch_bytes;
  if (options.max_dgram_bytes != 0) made.max_dgram_bytes = options.max_dgram_bytes;
  made.begin = options.begin;
  if (options.end != 0) made.end = options.end;
  if (options.pool != nullptr) made.pool = options.pool->pool;
  if (options.configuration != nullptr) made.configuration = options.configuration->configuration;
  ALKAID_ASSIGN_OR_RAISE(made.on_fault, alkaid::c::OnFaultOf(kName, options.on_fault));
  made.require_configuration = options.without_configuration == 0;
  made.on_skip = alkaid::c::OnSkipOf(options.on_skip, options.on_skip_context);
  return made;
}

// A reader of a path or of a buffer.
template <typename Source>
Result<std::unique_ptr<alkaid_reader>> OpenReader(const Source& source,
                                                  const alkaid_reader_options* options) {
  ALKAID_ASSIGN_OR_RAISE(BatchReaderOptions made, OptionsOf(options));
  auto handle = std::make_unique<alkaid_reader>();
  ALKAID_ASSIGN_OR_RAISE(handle->reader, BatchReader::Open(source, std::move(made)));
  return handle;
}

// The datagram after `*before` in the batch, or the first; an empty one at the end.
Result<Dgram> NextOf(const DgramBatch& batch, const Dgram* before) {
  if (batch.empty()) return Dgram();
  const alkaid::dgram::DgramOrigin& origin = *batch.origin();
  // Not by an iterator, which would count references.
  const uint8_t* const begin = origin.buffer->data() + (batch.offset() - origin.buffer_offset);
  const uint8_t* next = begin;
  int64_t index = batch.first_index();
  if (before != nullptr) {
    if (before->origin() != batch.origin() || before->data() < begin ||
        before->data() >= begin + batch.nbytes()) {
      return alkaid::status::Invalid("argument 'dgram' is not from this batch");
    }
    next = before->data() + before->size();
    index = before->index() + 1;
  }
  if (next == begin + batch.nbytes()) return Dgram();
  return Dgram(batch.origin(), next, alkaid::dgram::DgramHeader::SizeOf(next), index);
}

}  // namespace

alkaid_status alkaid_reader_open(const char* path, const alkaid_reader_options* options,
                                 alkaid_reader** out) {
  return Make(__func__, out, {{"path", path}},
              [&] { return OpenReader(std::string(path), options); });
}

alkaid_status alkaid_reader_open_buffer(alkaid_buffer* buffer, const alkaid_reader_options* options,
                                        alkaid_reader** out) {
  return Make(__func__, out, {{"buffer", buffer}},
              [&] { return OpenReader(buffer->buffer, options); });
}

alkaid_status alkaid_reader_next(alkaid_reader* reader, alkaid_batch** out) {
  return Make(__func__, out, {{"reader", reader}}, [&]() -> Result<std::unique_ptr<alkaid_batch>> {
    // The handle first: if there is no memory for it, nothing was read and nothing is lost.
    auto handle = std::make_unique<alkaid_batch>();
    ALKAID_ASSIGN_OR_RAISE(handle->batch, reader->reader->Next());
    if (handle->batch.empty()) return nullptr;
    return handle;
  });
}

void alkaid_reader_retain(alkaid_reader* reader) { Retain(reader); }
void alkaid_reader_release(alkaid_reader* reader) { Release(reader); }

int64_t alkaid_batch_count(const alkaid_batch* batch) {
  return Get(__func__, "batch", batch, int64_t{-1},
             [](const alkaid_batch& of) { return of.batch.size(); });
}

int64_t alkaid_batch_size(const alkaid_batch* batch) {
  return Get(__func__, "batch", batch, int64_t{-1},
             [](const alkaid_batch& of) { return of.batch.nbytes(); });
}

alkaid_status alkaid_batch_buffer(const alkaid_batch* batch, alkaid_buffer** out) {
  return Make(__func__, out, {{"batch", batch}}, [&]() -> Result<std::unique_ptr<alkaid_buffer>> {
    return NewBuffer(batch->batch.buffer());
  });
}

alkaid_status alkaid_batch_configuration(const alkaid_batch* batch, alkaid_configuration** out) {
  return Make(__func__, out, {{"batch", batch}},
              [&]() -> Result<std::unique_ptr<alkaid_configuration>> {
                return NewConfiguration(batch->batch.origin()->configuration);
              });
}

alkaid_status alkaid_batch_next(const alkaid_batch* batch, alkaid_dgram** dgram) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"batch", batch}, {"dgram", dgram}}));
    alkaid_dgram* const before = *dgram;
    ALKAID_ASSIGN_OR_RAISE(Dgram next,
                           NextOf(batch->batch, before == nullptr ? nullptr : &before->dgram));
    if (next.data() == nullptr) {
      Release(before);
      *dgram = nullptr;
    } else if (before != nullptr && IsOnlyReference(*before)) {
      before->dgram = std::move(next);
    } else {
      auto handle = std::make_unique<alkaid_dgram>();
      handle->dgram = std::move(next);
      Release(before);
      *dgram = handle.release();
    }
    return absl::OkStatus();
  });
}

void alkaid_batch_retain(alkaid_batch* batch) { Retain(batch); }
void alkaid_batch_release(alkaid_batch* batch) { Release(batch); }

const char* alkaid_service_name(int32_t service) {
  if (service < 0 || service > 15) return "Invalid";
  return alkaid::dgram::TransitionName(static_cast<alkaid::dgram::TransitionId>(service));
}

alkaid_status alkaid_dgram_from_buffer(alkaid_buffer* buffer, int64_t offset,
                                       alkaid_configuration* configuration, alkaid_dgram** out) {
  return Make(__func__, out, {{"buffer", buffer}}, [&]() -> Result<std::unique_ptr<alkaid_dgram>> {
    auto handle = std::make_unique<alkaid_dgram>();
    ALKAID_ASSIGN_OR_RAISE(
        handle->dgram,
        Dgram::Make(buffer->buffer, offset,
                    configuration == nullptr ? nullptr : configuration->configuration));
    return handle;
  });
}

alkaid_status alkaid_dgram_copy(const alkaid_dgram* dgram, alkaid_pool* pool, alkaid_dgram** out) {
  return Make(__func__, out, {{"dgram", dgram}}, [&]() -> Result<std::unique_ptr<alkaid_dgram>> {
    auto handle = std::make_unique<alkaid_dgram>();
    // The bytes keep the pool alive.
    ALKAID_ASSIGN_OR_RAISE(handle->dgram, dgram->dgram.Copy(PoolOf(pool).get()));
    return handle;
  });
}

uint64_t alkaid_dgram_timestamp(const alkaid_dgram* dgram) {
  return Get(__func__, "dgram", dgram, uint64_t{0},
             [](const alkaid_dgram& of) { return of.dgram.timestamp().value(); });
}

int32_t alkaid_dgram_service(const alkaid_dgram* dgram) {
  return Get(__func__, "dgram", dgram, int32_t{-1},
             [](const alkaid_dgram& of) { return static_cast<int32_t>(of.dgram.service()); });
}

int32_t alkaid_dgram_damage(const alkaid_dgram* dgram) {
  return Get(__func__, "dgram", dgram, int32_t{-1},
             [](const alkaid_dgram& of) -> int32_t { return of.dgram.damage().value(); });
}

int64_t alkaid_dgram_index(const alkaid_dgram* dgram) {
  return Get(__func__, "dgram", dgram, int64_t{-1},
             [](const alkaid_dgram& of) { return of.dgram.index(); });
}

int64_t alkaid_dgram_offset(const alkaid_dgram* dgram) {
  return Get(__func__, "dgram", dgram, int64_t{-1},
             [](const alkaid_dgram& of) { return of.dgram.offset(); });
}

int64_t alkaid_dgram_size(const alkaid_dgram* dgram) {
  return Get(__func__, "dgram", dgram, int64_t{-1},
             [](const alkaid_dgram& of) { return of.dgram.size(); });
}

const uint8_t* alkaid_dgram_data(const alkaid_dgram* dgram) {
  return Get(__func__, "dgram", dgram, static_cast<const uint8_t*>(nullptr),
             [](const alkaid_dgram& of) { return of.dgram.data(); });
}

alkaid_status alkaid_dgram_payload(const alkaid_dgram* dgram, const uint8_t** data, int64_t* size) {
  return Call(__func__, [&]() -> Status {
    ALKAID_RETURN_NOT_OK(CheckNeeded({{"dgram", dgram}, {"data", data}, {"size", size}}));
    *data = dgram->dgram.data() + alkaid::dgram::kDgramHeaderBytes;
    *size = dgram->dgram.size() - alkaid::dgram::kDgramHeaderBytes;
    return absl::OkStatus();
  });
}

alkaid_status alkaid_dgram_buffer(const alkaid_dgram* dgram, alkaid_buffer** out) {
  return Make(__func__, out, {{"dgram", dgram}}, [&]() -> Result<std::unique_ptr<alkaid_buffer>> {
    return NewBuffer(dgram->dgram.buffer());
  });
}

alkaid_status alkaid_dgram_configuration(const alkaid_dgram* dgram, alkaid_configuration** out) {
  return Make(__func__, out, {{"dgram", dgram}},
              [&]() -> Result<std::unique_ptr<alkaid_configuration>> {
                return NewConfiguration(dgram->dgram.configuration());
              });
}

void alkaid_dgram_retain(alkaid_dgram* dgram) { Retain(dgram); }
void alkaid_dgram_release(alkaid_dgram* dgram) { Release(dgram); }
