#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "alkaid/base/time_text.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/filling_reader_internal.h"
#include "alkaid/dgram/source_reader_internal.h"

namespace alkaid::dgram::internal {
namespace {

using io::LiveEnd;

// A source that fills its reader's blocks with bytes as they come.
class ComingSource : public Source {
 public:
  explicit ComingSource(PoolHandle pool)
      : recycler_(std::make_shared<BlockRecycler>(std::move(pool), Label::Intern("dgram.batch"))) {}
  ~ComingSource() override { recycler_->Close(); }

  // Reads 1 to `nbytes` bytes from `position` on, where the last read ended. 0 where no more come,
  // or where none are there and the reader need not `wait`.
  virtual Result<int64_t> ReadSome(int64_t position, int64_t nbytes, void* out, bool wait) = 0;
  // Whether an EndRun that nothing follows is the end.
  virtual bool ends_at_end_run() const { return false; }
  // Why no more bytes come, where the reason is not that EndRun.
  virtual LiveEnd end() const { return LiveEnd::kNone; }
  // Text to add to the fault of a datagram whose rest does not come.
  virtual std::string Patience() const { return {}; }

  Result<int64_t> GetSize() override { return status::NotImplemented("the size of what comes"); }
  // An empty block.
  Result<Block> Fetch(int64_t position, int64_t nbytes) override {
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, recycler_->Take(nbytes));
    return Block{std::move(buffer), position, position, absl::OkStatus()};
  }
  MemoryPool* pool() const override { return recycler_->pool(); }

 private:
  const std::shared_ptr<BlockRecycler> recycler_;
};

class StreamSource final : public ComingSource {
 public:
  StreamSource(std::shared_ptr<io::InputStream> stream, PoolHandle pool)
      : ComingSource(std::move(pool)), stream_(std::move(stream)) {}

  Result<int64_t> ReadSome(int64_t, int64_t nbytes, void* out, bool) override {
    return stream_->ReadSome(nbytes, out);
  }

 private:
  const std::shared_ptr<io::InputStream> stream_;
};

class LiveSource final : public ComingSource {
 public:
  LiveSource(std::unique_ptr<io::LiveFile> file, PoolHandle pool)
      : ComingSource(std::move(pool)), file_(std::move(file)) {}

  Result<int64_t> ReadSome(int64_t position, int64_t nbytes, void* out, bool wait) override {
    return wait ? file_->ReadSome(position, nbytes, out)
                : file_->ReadPresent(position, nbytes, out);
  }
  bool ends_at_end_run() const override { return true; }
  LiveEnd end() const override { return file_->watch().end(); }
  std::string Patience() const override {
    const auto& silence = file_->watch().options().silence;
    return absl::StrCat(", and nothing was written for ",
                        alkaid::internal::DurationText(static_cast<uint64_t>(silence->count())));
  }

 private:
  const std::unique_ptr<io::LiveFile> file_;
};

class FillingReader final : public SourceReader {
 public:
  FillingReader(std::unique_ptr<ComingSource> source, BatchReaderOptions options)
      : SourceReader(std::move(source), std::move(options)), read_(position_) {
    end_ = std::numeric_limits<int64_t>::max();  // until it is known
  }

  Result<DgramBatch> Next() override try {
    if (!fault_.ok()) return fault_;
    ALKAID_RETURN_NOT_OK(WaitForDgram());
    if (position_ == end_) {
      block_ = {};
      return DgramBatch();
    }
    const Source::Block block = block_;
    ALKAID_ASSIGN_OR_RAISE(DgramBatch batch, TakeBatch());
    block_ = block;
    if (source().ends_at_end_run()) {
      for (const Dgram& dgram : batch) run_ended_ = dgram.service() == TransitionId::kEndRun;
    }
    return batch;
  } catch (const std::bad_alloc&) {
    return status::NoMemory();
  }
  int64_t end() const override { return ended_ ? end_ : -1; }
  Result<int64_t> FindEnd() override {
    std::array<uint8_t, 16384> unseen;
    while (!ended_) {
      ALKAID_RETURN_NOT_OK(Read(static_cast<int64_t>(unseen.size()), unseen.data(), /*wait=*/true));
    }
    block_ = {};
    if (fault_.ok()) position_ = end_;
    return end_;
  }
  LiveEnd live_end() const override { return ended_ ? ended_by_ : LiveEnd::kNone; }

 private:
  ComingSource& source() const { return static_cast<ComingSource&>(*source_); }
  int64_t Room() const { return block_.buffer->size() - (read_ - block_.buffer_offset); }

  // Waits until a whole datagram stands at `position_`, or bytes that can never become one, or the
  // end.
  Status WaitForDgram() {
    while (position_ != end_) {
      const int64_t got = read_ - position_;
      int64_t want = kDgramHeaderBytes;
      if (got >= kDgramHeaderBytes) {
        want = DgramHeader::SizeOf(At(position_));
        const Status limit = FaultOfFirst(CheckLimit(want));
        if (!limit.ok()) return limit.code() == StatusCode::kDataLoss ? Stop(limit) : limit;
        if (want <= got) return absl::OkStatus();
      }
      if (ended_) return StopAtPartial(got);
      if (block_.buffer == nullptr || Room() < want - got) {
        ALKAID_RETURN_NOT_OK(GoToNextBlock(std::max(options_.batch_bytes, want), got));
      }
      const Status read =
          Read(Room(), block_.buffer->mutable_data() + (read_ - block_.buffer_offset),
               /*wait=*/got > 0 || !run_ended_);
      if (read.code() == StatusCode::kDataLoss) return Stop(read);
      if (!read.ok()) return MayPass(read) ? read : UnreadableAt(read_, read);
      block_.end = read_;
    }
    return absl::OkStatus();
  }

  // `got` bytes of a datagram are there, and no more come.
  Status StopAtPartial(int64_t got) {
    const Status partial = FaultHere(got);
    ThrowIfNoMemory(partial);
    const std::string patience = source().Patience();
    return Stop(FaultOfFirst(
        patience.empty() ? partial : DataFault(alkaid::internal::MessageOf(partial), patience)));
  }

  // Goes to a block that begins with the `got` bytes of the datagram at `position_`.
  Status GoToNextBlock(int64_t nbytes, int64_t got) {
    ALKAID_ASSIGN_OR_RAISE(Source::Block next, source_->Fetch(position_, nbytes));
    if (got > 0) {
      std::memcpy(next.buffer->mutable_data(), At(position_), static_cast<size_t>(got));
    }
    next.end += got;
    block_ = std::move(next);
    return absl::OkStatus();
  }

  Status Read(int64_t nbytes, uint8_t* out, bool wait) {
    ALKAID_ASSIGN_OR_RAISE(const int64_t got, source().ReadSome(read_, nbytes, out, wait));
    read_ += got;
    ended_ = got == 0;
    if (!ended_) return absl::OkStatus();
    ended_by_ = source().end();
    // When the program stopped the watch, a partial datagram is left out.
    end_ = ended_by_ == LiveEnd::kStopped ? position_ : read_;
    if (!wait && ended_by_ != LiveEnd::kStopped) ended_by_ = LiveEnd::kEndRun;
    return absl::OkStatus();
  }

  // The byte of the source up to which it was read.
  int64_t read_;
  // Whether the last datagram that was given out is an EndRun, where that can be the end.
  bool run_ended_ = false;
  bool ended_ = false;
  LiveEnd ended_by_ = LiveEnd::kNone;
};

Result<std::unique_ptr<BatchReader>> OpenComing(std::unique_ptr<ComingSource> source,
                                                BatchReaderOptions options) {
  return std::make_unique<FillingReader>(std::move(source), std::move(options));
}

}  // namespace

Result<std::unique_ptr<BatchReader>> OpenStream(std::shared_ptr<io::InputStream> stream,
                                                BatchReaderOptions options) {
  ALKAID_RETURN_NOT_OK(CheckSizes(options));
  if (options.begin != 0 || options.end != -1) {
    return status::Invalid(options.name, ": range from byte ", options.begin, " to ", options.end,
                           "; a stream is read once, from where it is (0) to its end (-1)");
  }
  if (options.on_fault != OnFault::kStop) {
    return status::Invalid(options.name,
                           ": a stream is read once, and going on after a fault looks ahead in "
                           "it: that takes a file");
  }
  if (options.live != nullptr) {
    return status::Invalid(options.name,
                           ": a stream is waited for anyway, up to its end; a watch (live) is for "
                           "a file that is still being written");
  }
  auto source = std::make_unique<StreamSource>(std::move(stream), options.pool);
  return OpenComing(std::move(source), std::move(options));
}

Result<std::unique_ptr<BatchReader>> OpenLive(std::unique_ptr<io::LiveFile> file,
                                              BatchReaderOptions options) {
  ALKAID_RETURN_NOT_OK(CheckSizes(options));
  if (options.begin < 0 || options.end != -1) {
    return status::Invalid(options.name, ": range from byte ", options.begin, " to ", options.end,
                           "; of a file that is being written it has no end, which is -1");
  }
  if (options.on_fault != OnFault::kStop) {
    return status::Invalid(options.name,
                           ": is still being written, and going on after a fault looks ahead in "
                           "it: that takes a file that is complete");
  }
  auto source = std::make_unique<LiveSource>(std::move(file), options.pool);
  return OpenComing(std::move(source), std::move(options));
}

}  // namespace alkaid::dgram::internal
