#include "alkaid/events/smd_reader.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <new>
#include <optional>
#include <utility>

#include "alkaid/events/event_batch.h"
#include "alkaid/events/fake_steps_internal.h"
#include "alkaid/events/last_l1_accepts_internal.h"
#include "alkaid/events/pending_stream_internal.h"

namespace alkaid::events {
namespace {

constexpr uint64_t kLastMoment = std::numeric_limits<uint64_t>::max();

using dgram::Dgram;
using dgram::Timestamp;
using dgram::TransitionId;
using internal::PendingStream;

}  // namespace

SmdReader::SmdReader(const SmdReaderOptions& options) : options_(options) {}
SmdReader::~SmdReader() = default;

const dgram::Dgram& SmdReader::configure(int stream) const {
  return streams_[static_cast<size_t>(stream)]->configure();
}

Result<std::unique_ptr<SmdReader>> SmdReader::Open(const std::vector<std::string>& paths,
                                                   const SmdReaderOptions& options) try {
  std::vector<std::unique_ptr<dgram::BatchReader>> readers;
  for (const std::string& path : paths) {
    dgram::BatchReaderOptions reading;
    reading.batch_bytes = options.chunk_bytes;
    reading.max_dgram_bytes = options.max_dgram_bytes;
    reading.on_fault = options.on_fault;
    reading.on_skip = options.on_skip;
    reading.live = options.live;
    reading.pool = options.pool;
    ALKAID_ASSIGN_OR_RAISE(auto reader, dgram::BatchReader::Open(path, std::move(reading)));
    readers.push_back(std::move(reader));
  }
  return Start(std::move(readers), paths, options);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<SmdReader>> SmdReader::Open(
    std::vector<std::unique_ptr<dgram::BatchReader>> readers, const SmdReaderOptions& options) try {
  return Start(std::move(readers), {}, options);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<SmdReader>> SmdReader::Start(
    std::vector<std::unique_ptr<dgram::BatchReader>> readers, const std::vector<std::string>& paths,
    const SmdReaderOptions& options) {
  if (readers.empty()) return status::Invalid("small data of no stream");
  if (std::find(readers.begin(), readers.end(), nullptr) != readers.end()) {
    return status::Invalid("small data of a stream whose reader is null");
  }
  if (options.batch_size < 1 || options.max_pending_bytes < 1 || options.integrating_delta < 0) {
    return status::Invalid("windows of ", options.batch_size, " L1Accepts, ",
                           options.max_pending_bytes, " pending bytes, exposures of ",
                           options.integrating_delta, " ns; the least are 1, 1 and 0");
  }
  if (options.integrating_stream < -1 ||
      options.integrating_stream >= static_cast<int>(readers.size())) {
    return status::IndexError("integrating stream ", options.integrating_stream, " of ",
                              readers.size());
  }
  std::unique_ptr<SmdReader> made(new SmdReader(options));
  for (size_t i = 0; i < readers.size(); ++i) {
    made->streams_.push_back(std::make_unique<PendingStream>(
        std::move(readers[i]), made->stream_count(), i < paths.size() ? paths[i] : std::string()));
    ALKAID_RETURN_NOT_OK(made->streams_.back()->Start(options.pool));
    made->configurations_after_.push_back(made->streams_.back()->configure().configuration());
  }
  made->configurations_ = made->configurations_after_;
  return made;
}

std::vector<std::shared_ptr<const dgram::Configuration>> SmdReader::configurations() const {
  return configurations_;
}

int64_t SmdReader::total_bytes() const {
  int64_t sum = 0;
  for (const auto& stream : streams_) {
    const int64_t end = stream->reader().end();
    if (end < 0) return -1;
    sum += end;
  }
  return sum;
}

int64_t SmdReader::position() const {
  int64_t sum = 0;
  for (const auto& stream : streams_) sum += stream->given();
  return sum;
}

bool SmdReader::AnyPending() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const auto& stream) { return !stream->empty(); });
}

Timestamp SmdReader::FirstPending() const {
  Timestamp first(kLastMoment);
  for (const auto& stream : streams_) {
    if (!stream->empty()) first = std::min(first, stream->first());
  }
  return first;
}

Result<bool> SmdReader::ReadPast(Timestamp* limit) {
  for (int i = 0; i < stream_count(); ++i) {
    const PendingStream& stream = *streams_[static_cast<size_t>(i)];
    if (stream.last() > *limit || (stream.ended() && stream.fault().ok())) continue;
    if (stream.CanRead(options_.max_pending_bytes)) {
      ALKAID_RETURN_NOT_OK(streams_[static_cast<size_t>(i)]->Read());
      return true;
    }
    // The next datagram may have the last timestamp; so a full stream keeps its last datagrams
    // back.
    if (stream.ended()) {
      *limit = std::min(*limit, stream.last());
    } else if (stream.last() == stream.first()) {
      return status::OutOfMemory("small data of stream ", i, ": the ", stream.nbytes(),
                                 " bytes that it holds are all of one timestamp, ",
                                 stream.last().value(), "; the limit is ",
                                 options_.max_pending_bytes);
    } else {
      *limit = std::min(*limit, Timestamp(stream.last().value() - 1));
    }
  }
  return false;
}

Result<bool> SmdReader::ChooseWinner(Timestamp* limit) {
  const PendingStream* winner = nullptr;
  const PendingStream* with_some = nullptr;
  const PendingStream* with_any = nullptr;
  int oldest = -1;
  for (int i = 0; i < stream_count(); ++i) {
    const PendingStream& stream = *streams_[static_cast<size_t>(i)];
    const auto least = [&](const PendingStream** so_far) {
      if (*so_far == nullptr || stream.last() < (*so_far)->last()) *so_far = &stream;
    };
    if (stream.l1_count() >= options_.batch_size) least(&winner);
    if (stream.l1_count() > 0) least(&with_some);
    if (!stream.empty()) least(&with_any);
    if (stream.CanRead(options_.max_pending_bytes) &&
        (oldest < 0 || stream.last() < streams_[static_cast<size_t>(oldest)]->last())) {
      oldest = i;
    }
  }
  if (winner == nullptr && oldest >= 0) {
    ALKAID_RETURN_NOT_OK(streams_[static_cast<size_t>(oldest)]->Read());
    return false;
  }
  if (winner == nullptr) {
    *limit = (with_some != nullptr ? with_some : with_any)->last();
    return true;
  }
  *limit = winner->TimestampOfL1Accept(options_.batch_size);
  return true;
}

Result<bool> SmdReader::ChooseExposures(Timestamp* limit, std::vector<Exposure>* exposures) {
  PendingStream& integrating = *streams_[static_cast<size_t>(options_.integrating_stream)];
  // An exposure that began earlier and has no pending datagram left is over; an earlier window has
  // marked it.
  const Timestamp first = FirstPending();
  std::copy_if(begun_.begin(), begun_.end(), std::back_inserter(*exposures),
               [&](const Exposure& exposure) { return exposure.end >= first; });
  const auto count = [&] { return static_cast<int64_t>(exposures->size()); };
  if (count() + integrating.l1_count() < options_.batch_size &&
      !integrating.FirstEndRun().has_value() && integrating.CanRead(options_.max_pending_bytes)) {
    ALKAID_RETURN_NOT_OK(integrating.Read());
    return false;
  }
  bool chosen = false;
  // Exposures that begin inside the window are included, whether or not they end in it.
  const auto add = [&](const Dgram& dgram) {
    const bool enough = count() >= options_.batch_size;
    if ((chosen || enough) && dgram.timestamp() > *limit) return false;
    if (dgram.service() == TransitionId::kEndRun) {
      if (!enough) *limit = std::max(*limit, dgram.timestamp());
      chosen = true;
    } else if (IsL1Accept(dgram.service())) {
      Timestamp end = internal::Later(dgram.timestamp(), options_.integrating_delta);
      // Nanoseconds above a second can make a later timestamp an earlier time.
      if (!exposures->empty()) end = std::max(end, exposures->back().end);
      exposures->push_back({dgram.timestamp(), end});
      if (!enough && !chosen) *limit = end;
    }
    return true;
  };
  if (!exposures->empty()) {
    *limit = (*exposures)[static_cast<size_t>(std::min(count(), options_.batch_size) - 1)].end;
  }
  for (const PendingStream::Piece& piece : integrating.pieces()) {
    bool more = true;
    for (const Dgram& dgram : piece.batch) {
      more = add(dgram);
      if (!more) break;
    }
    if (!more) break;
  }
  // After the last exposure the rest goes into ordinary windows.
  if (exposures->empty() && !chosen) return ChooseWinner(limit);
  return true;
}

Result<bool> SmdReader::SettleExposure(const std::vector<Exposure>& exposures, Timestamp* limit) {
  // The first exposure that does not end in the window.
  const auto open = std::find_if(exposures.begin(), exposures.end(),
                                 [&](const Exposure& exposure) { return exposure.end > *limit; });
  if (open == exposures.end() || open->l1_accept > *limit) return true;
  const auto belongs_to_it = [&](Timestamp timestamp) {
    return open == exposures.begin() || timestamp > std::prev(open)->end;
  };
  if (!belongs_to_it(*limit)) return true;
  std::optional<Timestamp> last;
  for (const auto& stream : streams_) last = std::max(last, stream->LastL1Accept(*limit));
  if (!last.has_value() || !belongs_to_it(*last)) return true;
  const auto goes_on = [&](const auto& stream) {
    const std::optional<Timestamp> later = stream->LastL1Accept(open->end);
    return later.has_value() && *later > *limit;
  };
  if (std::any_of(streams_.begin(), streams_.end(), goes_on)) return true;

  PendingStream* full = nullptr;
  for (const auto& stream : streams_) {
    const bool faulty = stream->ended() && !stream->fault().ok();
    // An exposure that a fault cuts does not end.
    if (faulty && stream->last() < open->end) return true;
    if (stream->ended() || stream->last() > open->end) continue;
    if (stream->CanRead(options_.max_pending_bytes)) {
      ALKAID_RETURN_NOT_OK(stream->Read());
      return false;
    }
    full = stream.get();
  }
  if (full == nullptr) {
    *limit = open->end;
  } else if (FirstPending() < *last) {
    *limit = Timestamp(last->value() - 1);
  } else {
    ALKAID_RETURN_NOT_OK(full->Read());
    return false;
  }
  return true;
}

bool SmdReader::ExposureGoesOn(const std::vector<Exposure>& exposures, Timestamp limit) const {
  if (options_.integrating_stream < 0) return false;
  bool begun = false;
  for (const Exposure& exposure : exposures) {
    if (exposure.end == limit) return false;
    begun |= exposure.end > limit && exposure.l1_accept <= limit;
  }
  if (begun) return true;
  // A coming exposure takes in what precedes it, but not across the end of a run.
  const PendingStream& integrating = *streams_[static_cast<size_t>(options_.integrating_stream)];
  if (integrating.FirstEndRun() == limit) return false;
  const std::optional<Timestamp> last = integrating.LastL1Accept(Timestamp(kLastMoment));
  return !integrating.ended() || (last.has_value() && *last > limit);
}

Result<bool> SmdReader::ChooseLimit(Timestamp* limit, std::vector<Exposure>* exposures) {
  exposures->clear();
  *limit = Timestamp();
  for (int i = 0; i < stream_count(); ++i) {
    const PendingStream& stream = *streams_[static_cast<size_t>(i)];
    if (!stream.empty()) continue;
    if (!stream.fault().ok()) return stream.fault();
    if (!stream.CanRead(options_.max_pending_bytes)) continue;
    ALKAID_RETURN_NOT_OK(streams_[static_cast<size_t>(i)]->Read());
    return false;
  }
  if (!AnyPending()) return true;
  const Result<bool> chosen =
      options_.integrating_stream < 0 ? ChooseWinner(limit) : ChooseExposures(limit, exposures);
  if (!chosen.ok() || !*chosen) return chosen;
  ALKAID_ASSIGN_OR_RAISE(const bool read, ReadPast(limit));
  if (read) return false;
  return SettleExposure(*exposures, limit);
}

Result<SmdWindow> SmdReader::Next() try { return NextWindow(); } catch (const std::bad_alloc&) {
  return status::NoMemory();
}

bool SmdReader::CutAtStop(Timestamp* limit) const {
  bool stopped = false;
  for (const auto& stream : streams_) {
    if (!stream->stopped()) continue;
    // The next datagram may have the last timestamp.
    if (stream->last() == Timestamp()) return false;
    *limit = std::min(*limit, Timestamp(stream->last().value() - 1));
    stopped = true;
  }
  if (!stopped) return true;
  return std::any_of(streams_.begin(), streams_.end(), [&](const auto& stream) {
    return !stream->empty() && stream->first() <= *limit;
  });
}

Result<SmdWindow> SmdReader::NextWindow() {
  SmdWindow window;
  std::vector<Exposure> exposures;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const bool chosen, ChooseLimit(&window.limit, &exposures));
    if (chosen) break;
  }
  window.streams.resize(streams_.size());
  window.configurations = configurations_after_;
  if (!AnyPending() || !CutAtStop(&window.limit)) {
    configurations_ = configurations_after_;
    return window;
  }
  const Timestamp limit = window.limit;
  bool enabled = enabled_;
  std::shared_ptr<Buffer> steps;
  if (options_.fake_steps) {
    ALKAID_ASSIGN_OR_RAISE(
        steps, internal::MakeFakeSteps(streams_, options_.pool, &window.limit, &enabled));
  }
  shares_.resize(streams_.size());
  for (size_t i = 0; i < streams_.size(); ++i) {
    shares_[i] = streams_[i]->ShareUpTo(limit);
    window.streams[i] = streams_[i]->BatchesOf(shares_[i]);
  }
  // Mostly nothing changes, and then nothing is allocated.
  std::vector<std::shared_ptr<const dgram::Configuration>> after;
  for (size_t i = 0; i < streams_.size() && after.empty(); ++i) {
    if (window.streams[i].empty()) continue;
    const auto& last = window.streams[i].back().origin()->configuration;
    if (last != configurations_after_[i]) after = window.ConfigurationsAfter();
  }
  for (size_t i = 0; i < streams_.size() && steps != nullptr; ++i) {
    auto origin = std::make_shared<const dgram::DgramOrigin>(dgram::DgramOrigin{
        steps, after.empty() ? configurations_after_[i] : after[i], "fake step"});
    window.streams[i].emplace_back(std::move(origin), steps->data(), steps->size(),
                                   internal::kFakeSteps, 0);
  }
  window.exposure_goes_on = ExposureGoesOn(exposures, limit);
  std::vector<Exposure> begun = MarkExposures(exposures, &window);

  // Nothing can fail from here on.
  configurations_ = configurations_after_;
  if (!after.empty()) configurations_after_.swap(after);
  for (size_t i = 0; i < streams_.size(); ++i) streams_[i]->Remove(shares_[i]);
  begun_.swap(begun);
  enabled_ = enabled;
  return window;
}

std::vector<SmdReader::Exposure> SmdReader::MarkExposures(const std::vector<Exposure>& exposures,
                                                          SmdWindow* window) {
  std::vector<Exposure> begun;
  std::vector<Timestamp> ends;
  for (const Exposure& exposure : exposures) {
    if (exposure.end <= window->limit) {
      ends.push_back(exposure.end);
    } else if (exposure.l1_accept <= window->limit) {
      begun.push_back(exposure);
    }
  }
  if (ends.empty()) return begun;
  const auto any = [](Timestamp) { return true; };
  for (const SmdWindow::EndOfBatch& last : internal::LastL1Accepts(window->streams, ends, any)) {
    if (last.stream >= 0) window->ends.push_back(last);
  }
  return begun;
}

}  // namespace alkaid::events
