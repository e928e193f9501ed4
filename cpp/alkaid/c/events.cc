#include "alkaid/c/events.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/c/dgrams_internal.h"
#include "alkaid/c/handles_internal.h"
#include "alkaid/c/pools_internal.h"
#include "alkaid/c/structs_internal.h"
#include "alkaid/events/big_data_event.h"
#include "alkaid/events/big_data_reader.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/event_builder.h"
#include "alkaid/events/smd_reader.h"

using alkaid::Result;
using alkaid::Status;
using alkaid::c::Get;
using alkaid::c::Make;
using alkaid::c::Release;
using alkaid::c::Retain;
using alkaid::events::BigDataEvent;
using alkaid::events::BigDataReader;
using alkaid::events::BigDataReaderOptions;
using alkaid::events::Event;
using alkaid::events::EventBatch;
using alkaid::events::EventBatches;
using alkaid::events::EventBuilder;
using alkaid::events::EventBuilderOptions;
using alkaid::events::SmdReader;
using alkaid::events::SmdReaderOptions;

struct alkaid_event : alkaid::c::Handle {
  // The datagrams of small data; with big data, those found in it.
  Event small;
  std::optional<BigDataEvent> big;
  int64_t index = 0;

  const Event& event() const { return big.has_value() ? big->small_data() : small; }
};

struct alkaid_events : alkaid::c::Handle {
  // The readers below borrow it.
  std::shared_ptr<alkaid::MemoryPool> pool;
  std::shared_ptr<EventBuilder> builder;
  std::unique_ptr<BigDataReader> big;  // null: events of small data
  // Events that were built and not yet returned.
  EventBatch batch;
  int64_t next_of_batch = 0;
  int64_t next = 0;
};

namespace {

constexpr char kOptionsName[] = "alkaid_events_options";

// The program's `count` paths.
Result<std::vector<std::string>> PathsOf(const char* name, const char* const* paths,
                                         int32_t count) {
  std::vector<std::string> made;
  for (int32_t i = 0; i < count; ++i) {
    if (paths[i] == nullptr) {
      return alkaid::status::Invalid("argument '", name, "' has NULL as path ", i, " of ", count);
    }
    made.emplace_back(paths[i]);
  }
  return made;
}

Result<std::shared_ptr<EventBuilder>> OpenBuilder(const std::vector<std::string>& paths,
                                                  const alkaid_events_options& options,
                                                  alkaid::MemoryPool* pool) {
  SmdReaderOptions reading;
  EventBuilderOptions building;
  if (options.batch_size != 0) reading.batch_size = building.batch_size = options.batch_size;
  if (options.small_chunk_bytes != 0) reading.chunk_bytes = options.small_chunk_bytes;
  if (options.max_dgram_bytes != 0) reading.max_dgram_bytes = options.max_dgram_bytes;
  ALKAID_ASSIGN_OR_RAISE(reading.on_fault, alkaid::c::OnFaultOf(kOptionsName, options.on_fault));
  building.on_fault = reading.on_fault;
  reading.on_skip = alkaid::c::OnSkipOf(options.on_skip, options.on_skip_context);
  building.on_skip = reading.on_skip;
  if (options.timestamp_count < 0 ||
      (options.timestamp_count > 0 && options.timestamps == nullptr)) {
    return alkaid::status::Invalid(kOptionsName, " has timestamp_count ", options.timestamp_count,
                                   options.timestamps == nullptr ? " and no timestamps" : "");
  }
  if (options.timestamps != nullptr) {
    building.filter_timestamps.emplace();
    for (int64_t i = 0; i < options.timestamp_count; ++i) {
      building.filter_timestamps->emplace_back(options.timestamps[i]);
    }
  }
  reading.pool = building.pool = pool;
  ALKAID_ASSIGN_OR_RAISE(auto reader, SmdReader::Open(paths, reading));
  return EventBuilder::Make(std::move(reader), std::move(building));
}

Result<std::unique_ptr<BigDataReader>> OpenBigData(const std::vector<std::string>& paths,
                                                   const alkaid_events_options& options,
                                                   std::shared_ptr<EventBuilder> builder,
                                                   alkaid::MemoryPool* pool) {
  BigDataReaderOptions reading;
  if (options.big_chunk_bytes != 0) reading.chunk_bytes = options.big_chunk_bytes;
  if (options.max_dgram_bytes != 0) reading.max_dgram_bytes = options.max_dgram_bytes;
  if (options.prefetch < -1) {
    return alkaid::status::Invalid(kOptionsName, " has prefetch ", options.prefetch,
                                   "; use -1 for none");
  }
  if (options.prefetch != 0) reading.prefetch = options.prefetch == -1 ? 0 : options.prefetch;
  ALKAID_ASSIGN_OR_RAISE(reading.on_fault, alkaid::c::OnFaultOf(kOptionsName, options.on_fault));
  reading.on_skip = alkaid::c::OnSkipOf(options.on_skip, options.on_skip_context);
  reading.pool = pool;
  return BigDataReader::Open(paths, std::move(builder), std::move(reading));
}

// Reads the next event of small data; false at the end.
Result<bool> NextSmall(alkaid_events* events, Event* event) {
  while (events->next_of_batch == events->batch.size()) {
    ALKAID_ASSIGN_OR_RAISE(EventBatches built, events->builder->Next());
    if (built.done()) return false;
    events->batch = built.batch();
    events->next_of_batch = 0;
  }
  *event = events->batch.event(events->next_of_batch++);
  return true;
}

}  // namespace

alkaid_status alkaid_events_open(const char* const* small_paths, const char* const* big_paths,
                                 int32_t stream_count, const alkaid_events_options* options,
                                 alkaid_events** out) {
  return Make(
      __func__, out, {{"small_paths", small_paths}},
      [&]() -> Result<std::unique_ptr<alkaid_events>> {
        ALKAID_ASSIGN_OR_RAISE(const auto given, alkaid::c::ReadOptions(kOptionsName, options));
        auto handle = std::make_unique<alkaid_events>();
        handle->pool = alkaid::c::PoolOf(given.pool);
        ALKAID_ASSIGN_OR_RAISE(const auto small, PathsOf("small_paths", small_paths, stream_count));
        ALKAID_ASSIGN_OR_RAISE(handle->builder, OpenBuilder(small, given, handle->pool.get()));
        if (big_paths == nullptr) return handle;
        ALKAID_ASSIGN_OR_RAISE(const auto big, PathsOf("big_paths", big_paths, stream_count));
        ALKAID_ASSIGN_OR_RAISE(handle->big,
                               OpenBigData(big, given, handle->builder, handle->pool.get()));
        return handle;
      });
}

alkaid_status alkaid_events_next(alkaid_events* events, alkaid_event** out) {
  return Make(__func__, out, {{"events", events}}, [&]() -> Result<std::unique_ptr<alkaid_event>> {
    // The handle first: if there is no memory for it, nothing was read and nothing is lost.
    auto handle = std::make_unique<alkaid_event>();
    bool more;
    if (events->big != nullptr) {
      ALKAID_ASSIGN_OR_RAISE(more, events->big->Next(&handle->big.emplace()));
    } else {
      ALKAID_ASSIGN_OR_RAISE(more, NextSmall(events, &handle->small));
    }
    if (!more) return nullptr;
    handle->index = events->next++;
    return handle;
  });
}

void alkaid_events_retain(alkaid_events* events) { Retain(events); }
void alkaid_events_release(alkaid_events* events) { Release(events); }

uint64_t alkaid_event_timestamp(const alkaid_event* event) {
  return Get(__func__, "event", event, uint64_t{0},
             [](const alkaid_event& of) { return of.event().timestamp().value(); });
}

int32_t alkaid_event_service(const alkaid_event* event) {
  return Get(__func__, "event", event, int32_t{-1},
             [](const alkaid_event& of) { return static_cast<int32_t>(of.event().service()); });
}

int64_t alkaid_event_index(const alkaid_event* event) {
  return Get(__func__, "event", event, int64_t{-1},
             [](const alkaid_event& of) { return of.index; });
}

int32_t alkaid_event_stream_count(const alkaid_event* event) {
  return Get(__func__, "event", event, int32_t{-1},
             [](const alkaid_event& of) -> int32_t { return of.event().stream_count(); });
}

alkaid_status alkaid_event_dgram(const alkaid_event* event, int32_t stream, alkaid_dgram** out) {
  return Make(__func__, out, {{"event", event}}, [&]() -> Result<std::unique_ptr<alkaid_dgram>> {
    const int count = event->event().stream_count();
    if (stream < 0 || stream >= count) {
      return alkaid::status::IndexError("stream ", stream, " of ", count);
    }
    const bool has = event->big.has_value() ? event->big->has(stream) : event->small.has(stream);
    if (!has) return nullptr;
    auto handle = std::make_unique<alkaid_dgram>();
    handle->dgram = event->big.has_value() ? event->big->dgram(stream) : event->small.dgram(stream);
    return handle;
  });
}

void alkaid_event_retain(alkaid_event* event) { Retain(event); }
void alkaid_event_release(alkaid_event* event) { Release(event); }
