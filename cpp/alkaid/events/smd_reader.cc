#include "alkaid/events/smd_reader.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "alkaid/dgram/writer.h"
#include "alkaid/events/event_batch.h"

namespace alkaid::events {
namespace {

using dgram::Dgram;
using dgram::DgramBatch;
using dgram::Timestamp;
using dgram::TransitionId;

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

// The first `count` datagrams of `batch`, of `nbytes`, and the rest.
DgramBatch Head(const DgramBatch& batch, int64_t count, int64_t nbytes) {
  return DgramBatch(batch.origin(), batch.begin()->data(), nbytes, count, batch.first_index());
}
DgramBatch Tail(const DgramBatch& batch, int64_t count, int64_t nbytes) {
  return DgramBatch(batch.origin(), batch.begin()->data() + nbytes, batch.nbytes() - nbytes,
                    batch.size() - count, batch.first_index() + count);
}

}  // namespace

SmdReader::~SmdReader() = default;

Result<std::unique_ptr<SmdReader>> SmdReader::Open(const std::vector<std::string>& paths,
                                                   const SmdReaderOptions& options) {
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
}

Result<std::unique_ptr<SmdReader>> SmdReader::Open(
    std::vector<std::unique_ptr<dgram::BatchReader>> readers, const SmdReaderOptions& options) {
  if (readers.empty()) return status::Invalid("small data of no stream");
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
    made->streams_.emplace_back();
    made->streams_.back().reader = std::move(reader);
    const int index = made->stream_count() - 1;
    Stream& stream = made->streams_.back();
    ALKAID_ASSIGN_OR_RAISE(const DgramBatch batch, stream.reader->Next());
    const std::string place = absl::StrCat("stream ", index, " starts without a Configure");
    if (batch.empty()) return status::DataLoss(place, ": it is empty");
    const Dgram first = *batch.begin();
    if (first.service() != TransitionId::kConfigure) return first.Fault(0, place);
    stream.configure = first;
    stream.last = first.timestamp();
    ALKAID_RETURN_NOT_OK(made->AddChunk(index, Tail(batch, 1, first.size())));
  }
  return made;
}

std::vector<std::shared_ptr<const dgram::Configuration>> SmdReader::configurations() const {
  std::vector<std::shared_ptr<const dgram::Configuration>> all;
  for (const Stream& stream : streams_) all.push_back(stream.configure.configuration());
  return all;
}

int64_t SmdReader::total_bytes() const {
  int64_t sum = 0;
  for (const Stream& stream : streams_) sum += stream.reader->end();
  return sum;
}

int64_t SmdReader::position() const {
  int64_t sum = 0;
  for (const Stream& stream : streams_) sum += stream.reader->position() - stream.pending_bytes;
  return sum;
}

bool SmdReader::AnyPending() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const Stream& stream) { return !stream.pieces.empty(); });
}

Status SmdReader::Read(int index) {
  Stream& stream = streams_[static_cast<size_t>(index)];
  const Result<DgramBatch> batch = stream.reader->Next();
  if (!batch.ok()) {
    // Nothing follows a fault of the data; anything else may pass.
    if (batch.status().code() != StatusCode::kDataLoss) return batch.status();
    stream.ended = true;
    stream.fault = batch.status();
    return absl::OkStatus();
  }
  if (batch->empty()) {
    stream.ended = true;
    return absl::OkStatus();
  }
  return AddChunk(index, *batch);
}

Status SmdReader::AddChunk(int index, const DgramBatch& batch) {
  Stream& stream = streams_[static_cast<size_t>(index)];
  int64_t count = 0;
  int64_t nbytes = 0;
  int64_t l1_count = 0;
  for (const Dgram& dgram : batch) {
    const Timestamp timestamp = dgram.timestamp();
    if (timestamp < stream.last) [[unlikely]] {
      stream.ended = true;
      stream.fault =
          dgram.Fault(0, absl::StrCat("timestamp ", timestamp.value(), " of stream ", index, " (",
                                      dgram::TransitionName(dgram.service()),
                                      ") goes back: before it is ", stream.last.value()));
      break;
    }
    stream.last = timestamp;
    ++count;
    nbytes += dgram.size();
    l1_count += IsL1Accept(dgram.service());
  }
  if (count == 0) return absl::OkStatus();
  stream.pieces.push_back({Head(batch, count, nbytes), stream.last, l1_count});
  stream.l1_count += l1_count;
  stream.pending_bytes += nbytes;
  return absl::OkStatus();
}

Result<bool> SmdReader::ReadPast(Timestamp* limit) {
  for (int i = 0; i < stream_count(); ++i) {
    const Stream& stream = streams_[static_cast<size_t>(i)];
    if (stream.last > *limit || (stream.ended && stream.fault.ok())) continue;
    if (CanRead(stream)) {
      ALKAID_RETURN_NOT_OK(Read(i));
      return true;
    }
    // What follows may have the timestamp of the last; so a full stream keeps that back.
    const bool faulty = stream.ended;
    const uint64_t last = stream.last.value();
    *limit = std::min(*limit, Timestamp(faulty || last == 0 ? last : last - 1));
  }
  return false;
}

Result<bool> SmdReader::ChooseWinner(Timestamp* limit) {
  const Stream* winner = nullptr;
  const Stream* with_some = nullptr;
  const Stream* with_any = nullptr;
  int behind = -1;
  for (int i = 0; i < stream_count(); ++i) {
    const Stream& stream = streams_[static_cast<size_t>(i)];
    const auto least = [&](const Stream** so_far) {
      if (*so_far == nullptr || stream.last < (*so_far)->last) *so_far = &stream;
    };
    if (stream.l1_count >= options_.batch_size) least(&winner);
    if (stream.l1_count > 0) least(&with_some);
    if (!stream.pieces.empty()) least(&with_any);
    if (CanRead(stream) &&
        (behind < 0 || stream.last < streams_[static_cast<size_t>(behind)].last)) {
      behind = i;
    }
  }
  if (winner == nullptr && behind >= 0) {
    ALKAID_RETURN_NOT_OK(Read(behind));
    return false;
  }
  if (winner == nullptr) {
    *limit = (with_some != nullptr ? with_some : with_any)->last;
    return true;
  }
  int64_t left = options_.batch_size;
  for (const Piece& piece : winner->pieces) {
    if (piece.l1_count < left) {
      left -= piece.l1_count;
      continue;
    }
    for (const Dgram& dgram : piece.batch) {
      left -= IsL1Accept(dgram.service());
      if (left > 0) continue;
      *limit = dgram.timestamp();
      return true;
    }
  }
  return true;
}

Result<bool> SmdReader::ChooseExposures(Timestamp* limit, std::vector<Exposure>* exposures) {
  const Stream& integrating = streams_[static_cast<size_t>(options_.integrating_stream)];
  *exposures = begun_;
  bool run_ends = false;
  for (const Piece& piece : integrating.pieces) {
    for (const Dgram& dgram : piece.batch) {
      if (IsL1Accept(dgram.service())) {
        exposures->push_back(
            {dgram.timestamp(), Later(dgram.timestamp(), options_.integrating_delta)});
      }
      run_ends = dgram.service() == TransitionId::kEndRun;
      if (run_ends) *limit = dgram.timestamp();
      if (run_ends || static_cast<int64_t>(exposures->size()) == options_.batch_size) break;
    }
    if (run_ends || static_cast<int64_t>(exposures->size()) == options_.batch_size) break;
  }
  if (!run_ends && static_cast<int64_t>(exposures->size()) < options_.batch_size &&
      CanRead(integrating)) {
    ALKAID_RETURN_NOT_OK(Read(options_.integrating_stream));
    return false;
  }
  // After the last exposure what is left goes in windows of the ordinary kind.
  if (exposures->empty() && !run_ends) return ChooseWinner(limit);
  if (!exposures->empty()) *limit = std::max(*limit, exposures->back().end);
  return true;
}

Result<bool> SmdReader::ChooseLimit(Timestamp* limit, std::vector<Exposure>* exposures) {
  exposures->clear();
  *limit = Timestamp();
  for (int i = 0; i < stream_count(); ++i) {
    const Stream& stream = streams_[static_cast<size_t>(i)];
    if (!stream.pieces.empty()) continue;
    if (!stream.fault.ok()) return stream.fault;
    if (!CanRead(stream)) continue;
    ALKAID_RETURN_NOT_OK(Read(i));
    return false;
  }
  if (!AnyPending()) return true;
  const Result<bool> chosen =
      options_.integrating_stream < 0 ? ChooseWinner(limit) : ChooseExposures(limit, exposures);
  if (!chosen.ok() || !*chosen) return chosen;
  ALKAID_ASSIGN_OR_RAISE(const bool read, ReadPast(limit));
  return !read;
}

std::vector<DgramBatch> SmdReader::Cut(Stream* stream, Timestamp limit) const {
  std::vector<DgramBatch> cut;
  while (!stream->pieces.empty()) {
    Piece& piece = stream->pieces.front();
    if (piece.last <= limit) {
      stream->l1_count -= piece.l1_count;
      stream->pending_bytes -= piece.batch.nbytes();
      cut.push_back(std::move(piece.batch));
      stream->pieces.pop_front();
      continue;
    }
    int64_t count = 0;
    int64_t nbytes = 0;
    int64_t l1_count = 0;
    for (const Dgram& dgram : piece.batch) {
      if (dgram.timestamp() > limit) break;
      ++count;
      nbytes += dgram.size();
      l1_count += IsL1Accept(dgram.service());
    }
    if (count == 0) break;
    cut.push_back(Head(piece.batch, count, nbytes));
    piece.batch = Tail(piece.batch, count, nbytes);
    piece.l1_count -= l1_count;
    stream->l1_count -= l1_count;
    stream->pending_bytes -= nbytes;
    break;
  }
  return cut;
}

Result<SmdWindow> SmdReader::Next() {
  SmdWindow window;
  std::vector<Exposure> exposures;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const bool chosen, ChooseLimit(&window.limit, &exposures));
    if (chosen) break;
  }
  const bool at_end = !AnyPending();
  for (Stream& stream : streams_) window.streams.push_back(Cut(&stream, window.limit));
  if (window.empty() && !at_end) {
    return status::OutOfMemory("small data: the ", options_.max_pending_bytes,
                               " bytes that a stream may hold are all of one timestamp, ",
                               window.limit.value() + 1);
  }
  MarkExposures(exposures, &window);
  if (options_.fake_steps && !at_end) ALKAID_RETURN_NOT_OK(AddFakeSteps(&window));
  return window;
}

void SmdReader::MarkExposures(const std::vector<Exposure>& exposures, SmdWindow* window) {
  begun_.clear();
  std::vector<Timestamp> ends;
  for (const Exposure& exposure : exposures) {
    if (exposure.end <= window->limit) {
      ends.push_back(exposure.end);
    } else if (exposure.l1_accept <= window->limit) {
      begun_.push_back(exposure);
    }
  }
  // Of each exposure the last datagram of all streams, the first of them where several are last.
  struct Last {
    int stream = -1;
    Timestamp timestamp;
    bool l1_accept = false;
  };
  std::vector<Last> lasts(ends.size());
  for (size_t stream = 0; stream < window->streams.size(); ++stream) {
    size_t exposure = 0;
    for (const DgramBatch& batch : window->streams[stream]) {
      for (const Dgram& dgram : batch) {
        while (exposure < ends.size() && dgram.timestamp() > ends[exposure]) ++exposure;
        if (exposure == ends.size()) break;
        Last& last = lasts[exposure];
        const bool later = last.stream < 0 || dgram.timestamp() > last.timestamp;
        if (!later && last.stream != static_cast<int>(stream)) continue;
        last = {static_cast<int>(stream), dgram.timestamp(), dgram.is_l1_accept()};
      }
    }
  }
  for (const Last& last : lasts) {
    if (last.l1_accept) window->ends.push_back({last.stream, last.timestamp});
  }
}

Status SmdReader::AddFakeSteps(SmdWindow* window) {
  // Where the window ends with a transition, the step ends by itself or has just begun.
  Timestamp last;
  bool inside_step = false;
  for (const auto& stream : window->streams) {
    if (stream.empty()) continue;
    for (const Dgram& dgram : stream.back()) {
      if (dgram.timestamp() < last) continue;
      last = dgram.timestamp();
      inside_step = IsL1Accept(dgram.service());
    }
  }
  if (!inside_step) return absl::OkStatus();

  dgram::DgramWriter writer(options_.pool);
  int64_t nanoseconds = 0;
  for (const TransitionId service : {TransitionId::kDisable, TransitionId::kEndStep,
                                     TransitionId::kBeginStep, TransitionId::kEnable}) {
    ALKAID_RETURN_NOT_OK(writer.Begin(service, Later(last, ++nanoseconds)));
    ALKAID_RETURN_NOT_OK(writer.End());
  }
  const int64_t count = writer.size();
  ALKAID_ASSIGN_OR_RAISE(const std::shared_ptr<Buffer> steps, writer.Finish());
  window->limit = std::max(window->limit, Later(last, nanoseconds));
  for (size_t i = 0; i < streams_.size(); ++i) {
    const Stream& stream = streams_[i];
    if (!stream.pieces.empty() &&
        stream.pieces.front().batch.begin()->timestamp() <= window->limit) {
      return status::FailedPrecondition("no room for a fake step behind timestamp ", last.value(),
                                        ": stream ", i, " goes on at ",
                                        stream.pieces.front().batch.begin()->timestamp().value());
    }
    auto origin = std::make_shared<const dgram::DgramOrigin>(
        dgram::DgramOrigin{steps, stream.reader->configuration(), "fake step"});
    window->streams[i].emplace_back(std::move(origin), steps->data(), steps->size(), count, 0);
  }
  return absl::OkStatus();
}

}  // namespace alkaid::events
