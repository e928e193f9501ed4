#include "alkaid/events/smd_reader.h"

#include <algorithm>
#include <limits>
#include <new>
#include <utility>

#include "alkaid/dgram/writer.h"
#include "alkaid/events/event_batch.h"
#include "alkaid/events/pending_stream_internal.h"

namespace alkaid::events {
namespace {

constexpr int64_t kFakeSteps = 4;

using dgram::Dgram;
using dgram::DgramBatch;
using dgram::Timestamp;
using dgram::TransitionId;
using internal::PendingStream;

// Adds to a time of seconds and nanoseconds; the sum of what is too late to be told is the last
// moment.
Timestamp Later(Timestamp timestamp, int64_t nanoseconds) {
  constexpr uint64_t kSecond = 1'000'000'000;
  const uint64_t sum = timestamp.total_nanoseconds() + static_cast<uint64_t>(nanoseconds);
  if (sum / kSecond > std::numeric_limits<uint32_t>::max()) {
    return Timestamp(std::numeric_limits<uint64_t>::max());
  }
  return Timestamp(static_cast<uint32_t>(sum / kSecond), static_cast<uint32_t>(sum % kSecond));
}

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
    reading.pool = options.pool;
    ALKAID_ASSIGN_OR_RAISE(auto reader, dgram::BatchReader::Open(path, std::move(reading)));
    readers.push_back(std::move(reader));
  }
  return Open(std::move(readers), options);
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<SmdReader>> SmdReader::Open(
    std::vector<std::unique_ptr<dgram::BatchReader>> readers, const SmdReaderOptions& options) try {
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
  for (auto& reader : readers) {
    made->streams_.push_back(
        std::make_unique<PendingStream>(std::move(reader), made->stream_count()));
    ALKAID_RETURN_NOT_OK(made->streams_.back()->Start(options.pool));
    made->configurations_after_.push_back(made->streams_.back()->configure().configuration());
  }
  made->configurations_ = made->configurations_after_;
  return made;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

std::vector<std::shared_ptr<const dgram::Configuration>> SmdReader::configurations() const {
  return configurations_;
}

int64_t SmdReader::total_bytes() const {
  int64_t sum = 0;
  for (const auto& stream : streams_) sum += stream->reader().end();
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

Result<bool> SmdReader::ReadPast(Timestamp* limit) {
  for (int i = 0; i < stream_count(); ++i) {
    const PendingStream& stream = *streams_[static_cast<size_t>(i)];
    if (stream.last() > *limit || (stream.ended() && stream.fault().ok())) continue;
    if (stream.CanRead(options_.max_pending_bytes)) {
      ALKAID_RETURN_NOT_OK(streams_[static_cast<size_t>(i)]->Read());
      return true;
    }
    // What follows may have the timestamp of the last; so a full stream keeps that back.
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
  int behind = -1;
  for (int i = 0; i < stream_count(); ++i) {
    const PendingStream& stream = *streams_[static_cast<size_t>(i)];
    const auto least = [&](const PendingStream** so_far) {
      if (*so_far == nullptr || stream.last() < (*so_far)->last()) *so_far = &stream;
    };
    if (stream.l1_count() >= options_.batch_size) least(&winner);
    if (stream.l1_count() > 0) least(&with_some);
    if (!stream.empty()) least(&with_any);
    if (stream.CanRead(options_.max_pending_bytes) &&
        (behind < 0 || stream.last() < streams_[static_cast<size_t>(behind)]->last())) {
      behind = i;
    }
  }
  if (winner == nullptr && behind >= 0) {
    ALKAID_RETURN_NOT_OK(streams_[static_cast<size_t>(behind)]->Read());
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
  const auto has_end_run = [](const PendingStream::Piece& piece) { return piece.has_end_run; };
  const bool run_ends =
      std::any_of(integrating.pieces().begin(), integrating.pieces().end(), has_end_run);
  if (static_cast<int64_t>(begun_.size()) + integrating.l1_count() < options_.batch_size &&
      !run_ends && integrating.CanRead(options_.max_pending_bytes)) {
    ALKAID_RETURN_NOT_OK(integrating.Read());
    return false;
  }
  *exposures = begun_;
  bool chosen = false;
  // Those that begin inside the window are known too, whether or not they end in it.
  const auto add = [&](const Dgram& dgram) {
    const bool enough = static_cast<int64_t>(exposures->size()) >= options_.batch_size;
    if ((chosen || enough) && dgram.timestamp() > *limit) return false;
    if (dgram.service() == TransitionId::kEndRun) {
      if (!enough) *limit = std::max(*limit, dgram.timestamp());
      chosen = true;
    } else if (IsL1Accept(dgram.service())) {
      exposures->push_back(
          {dgram.timestamp(), Later(dgram.timestamp(), options_.integrating_delta)});
      if (!enough && !chosen) *limit = exposures->back().end;
    }
    return true;
  };
  if (!exposures->empty()) *limit = exposures->back().end;
  for (const PendingStream::Piece& piece : integrating.pieces()) {
    bool more = true;
    for (const Dgram& dgram : piece.batch) {
      more = add(dgram);
      if (!more) break;
    }
    if (!more) break;
  }
  // After the last exposure what is left goes in windows of the ordinary kind.
  if (exposures->empty() && !chosen) return ChooseWinner(limit);
  return true;
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
  return !read;
}

Result<SmdWindow> SmdReader::Next() try { return NextWindow(); } catch (const std::bad_alloc&) {
  return status::NoMemory();
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
  if (!AnyPending()) {
    configurations_ = configurations_after_;
    return window;
  }
  const Timestamp limit = window.limit;
  bool enabled = enabled_;
  std::shared_ptr<Buffer> steps;
  if (options_.fake_steps) {
    ALKAID_ASSIGN_OR_RAISE(steps, MakeFakeSteps(&window.limit, &enabled));
  }
  std::vector<PendingStream::Share> shares(streams_.size());
  for (size_t i = 0; i < streams_.size(); ++i) {
    shares[i] = streams_[i]->ShareUpTo(limit);
    window.streams[i] = streams_[i]->BatchesOf(shares[i]);
  }
  auto before = window.configurations;
  auto after = window.ConfigurationsAfter();
  for (size_t i = 0; i < streams_.size() && steps != nullptr; ++i) {
    auto origin = std::make_shared<const dgram::DgramOrigin>(
        dgram::DgramOrigin{steps, after[i], "fake step"});
    window.streams[i].emplace_back(std::move(origin), steps->data(), steps->size(), kFakeSteps, 0);
  }
  std::vector<Exposure> begun = MarkExposures(exposures, &window);

  // Nothing can fail from here on.
  configurations_.swap(before);
  configurations_after_.swap(after);
  for (size_t i = 0; i < streams_.size(); ++i) streams_[i]->Remove(shares[i]);
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
  // Of each exposure the last L1Accept of all streams; of the first stream where several have it.
  struct Last {
    int stream = -1;
    Timestamp timestamp;
  };
  std::vector<Last> lasts(ends.size());
  for (size_t stream = 0; stream < window->streams.size(); ++stream) {
    size_t exposure = 0;
    for (const DgramBatch& batch : window->streams[stream]) {
      for (const Dgram& dgram : batch) {
        while (exposure < ends.size() && dgram.timestamp() > ends[exposure]) ++exposure;
        if (exposure == ends.size()) break;
        if (dgram.service() != TransitionId::kL1Accept) continue;
        Last& last = lasts[exposure];
        const bool later = last.stream < 0 || dgram.timestamp() > last.timestamp;
        if (!later && last.stream != static_cast<int>(stream)) continue;
        last = {static_cast<int>(stream), dgram.timestamp()};
      }
    }
  }
  for (const Last& last : lasts) {
    if (last.stream >= 0) window->ends.push_back({last.stream, last.timestamp});
  }
  return begun;
}

Result<std::shared_ptr<Buffer>> SmdReader::MakeFakeSteps(Timestamp* limit, bool* enabled) const {
  Timestamp last;
  bool l1_accepts = false;
  Timestamp latest_change;
  for (const auto& stream : streams_) {
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
    for (size_t i = 0; i < streams_.size(); ++i) {
      const Timestamp next = streams_[i]->NextAfter(*limit);
      if (next > end) continue;
      return status::FailedPrecondition("no room for a fake step behind timestamp ", last.value(),
                                        ": stream ", i, " goes on at ", next.value());
    }
    dgram::DgramWriter writer(options_.pool);
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

}  // namespace alkaid::events
