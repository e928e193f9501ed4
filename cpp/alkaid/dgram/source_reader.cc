#include <algorithm>
#include <new>
#include <utility>

#include "alkaid/core/files/partial_read.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/not_xtc2.h"
#include "alkaid/dgram/source_reader_internal.h"

namespace alkaid::dgram::internal {
namespace {

class FileSource final : public Source {
 public:
  FileSource(std::shared_ptr<io::RandomAccessFile> file, PoolHandle pool)
      : file_(std::move(file)),
        recycler_(std::make_shared<BlockRecycler>(std::move(pool), Label::Intern("dgram.batch"))) {}
  ~FileSource() override { recycler_->Close(); }

  Result<int64_t> GetSize() override { return file_->GetSize(); }
  Result<Block> Fetch(int64_t position, int64_t nbytes) override {
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, recycler_->Take(nbytes));
    io::PartialRead read = io::ReadUpToFailure(*file_, position, nbytes, buffer->mutable_data());
    return Block{std::move(buffer), position, position + read.nbytes, std::move(read.failure)};
  }
  MemoryPool* pool() const override { return recycler_->pool(); }

 private:
  const std::shared_ptr<io::RandomAccessFile> file_;
  const std::shared_ptr<BlockRecycler> recycler_;
};

class BufferSource final : public Source {
 public:
  BufferSource(std::shared_ptr<Buffer> buffer, const PoolHandle& pool)
      : buffer_(std::move(buffer)), pool_(pool.OrDefault()) {}

  Result<int64_t> GetSize() override { return buffer_->size(); }
  Result<Block> Fetch(int64_t position, int64_t nbytes) override {
    return Block{buffer_, 0, position + nbytes, absl::OkStatus()};
  }
  MemoryPool* pool() const override { return pool_.get(); }

 private:
  const std::shared_ptr<Buffer> buffer_;
  const PoolHandle pool_;
};

Result<std::unique_ptr<BatchReader>> OpenSource(std::unique_ptr<Source> source,
                                                BatchReaderOptions&& options) {
  ALKAID_ASSIGN_OR_RAISE(const int64_t size, source->GetSize());
  ALKAID_RETURN_NOT_OK(CheckSizes(options));
  if (options.end == -1) options.end = size;
  if (options.begin < 0 || options.end < options.begin || options.end > size) {
    return status::IndexError(options.name, ": range from byte ", options.begin, " to ",
                              options.end, " of ", size);
  }
  return std::make_unique<SourceReader>(std::move(source), std::move(options));
}

}  // namespace

SourceReader::SourceReader(std::unique_ptr<Source> source, BatchReaderOptions&& options)
    : source_(std::move(source)),
      options_(std::move(options)),
      position_(options_.begin),
      end_(options_.end),
      next_index_(options_.first_index),
      configuration_(options_.configuration) {
  if (options_.history == nullptr) return;
  configuration_ = options_.history->At(Timestamp());
  if (options_.history->size() > 1) history_ = options_.history;
}

// Every step changes the reader only once none of it can fail any more, so a call that failed for
// want of memory, or in the file, may be repeated.
Result<DgramBatch> SourceReader::Next() try {
  if (!fault_.ok()) return fault_;
  if (block_.buffer == nullptr) {
    if (position_ == end_) return end_ == options_.end ? DgramBatch() : Shrunk();
    ALKAID_RETURN_NOT_OK(FetchBlock());
  }
  return TakeBatch();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status SourceReader::FaultHere(int64_t left) const {
  return CheckDgramHeader(At(position_), left, options_.name, position_, next_index_);
}

Status SourceReader::FaultOfFirst(const Status& fault) const {
  if (position_ != 0 || fault.ok()) return fault;
  const std::string why = WhyNotXtc2(At(0), block_.end);
  return why.empty() ? fault : DgramFault(options_.name, 0, next_index_, 0, why);
}

// One read: of batch_bytes, or of one larger datagram and the header after it, so that the next
// size is known and no datagram is read twice for being large. A second read is needed only where a
// large datagram comes unannounced.
Status SourceReader::FetchBlock() {
  while (true) {
    int64_t want = std::max(options_.batch_bytes, kDgramHeaderBytes);
    if (announced_size_ > want) {
      ALKAID_RETURN_NOT_OK(CheckLimit(announced_size_));
      want = announced_size_ + kDgramHeaderBytes;
    }
    want = std::min(want, end_ - position_);
    ALKAID_ASSIGN_OR_RAISE(block_, source_->Fetch(position_, want));
    const bool failed = !block_.failure.ok();
    if (block_.end < position_ + want && !failed) end_ = block_.end;  // the source has shrunk

    const int64_t got = block_.end - position_;
    if (got < kDgramHeaderBytes) return failed ? Unreadable() : absl::OkStatus();
    const int64_t size = DgramHeader::SizeOf(At(position_));
    // Either a whole datagram, or one that TakeBatch will find at fault.
    if (size <= got || size > end_ - position_) return absl::OkStatus();
    if (failed) return Unreadable();
    if (size > options_.max_dgram_bytes) {
      const Status limit = FaultOfFirst(CheckLimit(size));
      if (limit.code() == StatusCode::kDataLoss) return Stop(limit);
    }
    block_ = {};
    announced_size_ = size;
  }
}

Status SourceReader::CheckLimit(int64_t size) const {
  if (size <= options_.max_dgram_bytes) return absl::OkStatus();
  return status::OutOfMemory(options_.name, ": byte ", position_, " (datagram ", next_index_,
                             "): datagram of ", size, " bytes, the limit is ",
                             options_.max_dgram_bytes, kDgramLimitOption);
}

// The source failed before the datagram at `position_` was whole. A passing failure changes
// nothing.
Status SourceReader::Unreadable() {
  const Source::Block block = std::exchange(block_, {});
  return UnreadableAt(block.end, block.failure);
}

Status SourceReader::UnreadableAt(int64_t byte, const Status& failure) const {
  return Status(failure.code(),
                absl::StrCat(options_.name, ": byte ", byte, " (datagram ", next_index_,
                             " at byte ", position_, "): ", failure.message()));
}

// Counts whole datagrams from `position_` on, up to the next Configure.
SourceReader::Span SourceReader::Measure() const {
  const uint8_t* const begin = At(position_);
  const uint8_t* const end = begin + (block_.end - position_);
  const int64_t most = options_.max_dgram_bytes;
  const uint8_t* data = begin;
  int64_t count = 0;
  bool ends_block = true;
  int64_t cut_size = 0;
  for (int64_t left = end - data; left >= kDgramHeaderBytes; left = end - data) {
    const int64_t size = DgramHeader::SizeOf(data);
    if (size < kDgramHeaderBytes || size > left || size > most) [[unlikely]] {
      cut_size = size;
      break;
    }
    if (DgramHeader::ServiceOf(data) == TransitionId::kConfigure && count > 0) [[unlikely]] {
      ends_block = false;
      break;
    }
    data += size;
    ++count;
  }
  return {data - begin, count, ends_block, cut_size};
}

// Ends the span where another Configuration takes effect.
void SourceReader::KeepOneConfiguration(Span* span) {
  const uint8_t* const begin = At(position_);
  if (DgramHeader::ServiceOf(begin) == TransitionId::kConfigure) return;
  const auto at = [&](int64_t offset) {
    return history_->At(Timestamp(LoadUnaligned<uint64_t>(begin + offset)));
  };
  configuration_ = at(0);
  int64_t nbytes = 0;
  for (int64_t i = 0; i < span->size; ++i) {
    if (at(nbytes) != configuration_) {
      *span = {nbytes, i, false, 0};
      return;
    }
    nbytes += DgramHeader::SizeOf(begin + nbytes);
  }
}

Result<DgramBatch> SourceReader::TakeBatch() {
  Span span = Measure();
  if (span.size == 0) return Refuse();
  if (history_ != nullptr) [[unlikely]]
    KeepOneConfiguration(&span);

  auto origin = std::make_shared<DgramOrigin>(
      DgramOrigin{block_.buffer, configuration_, options_.name, block_.buffer_offset});
  const uint8_t* const begin = At(position_);
  const Dgram first(origin, begin, DgramHeader::SizeOf(begin), next_index_);
  if (first.service() == TransitionId::kConfigure && options_.read_configures) {
    Result<std::shared_ptr<const Configuration>> made = Configuration::FromDgram(first);
    if (!made.ok()) return Stop(FaultOfFirst(made.status()));
    configuration_ = *std::move(made);
    history_ = nullptr;
    origin->configuration = configuration_;
  } else if (configuration_ == nullptr && options_.require_configuration) {
    return Stop(FaultOfFirst(DgramFault(
        first, 0,
        absl::StrCat(TransitionName(first.service()), history_ != nullptr
                                                          ? " " + history_->Why(first.timestamp())
                                                          : " before any Configure"))));
  }

  if (alkaid::internal::ViewEventsOn()) [[unlikely]]
    TellSourceOf(*origin, begin, span.nbytes);
  DgramBatch batch(std::move(origin), begin, span.nbytes, span.size, next_index_);
  position_ += span.nbytes;
  next_index_ += span.size;
  if (span.ends_block) {
    announced_size_ = span.cut_size;
    // A block whose next header is at fault is kept: Refuse looks at it.
    if (!AtFault()) block_ = {};
  }
  return batch;
}

// Whether the bytes at `position_` can be known now never to become a datagram.
bool SourceReader::AtFault() const {
  if (position_ == end_) return false;
  const int64_t left = end_ - position_;
  if (left < kDgramHeaderBytes) return true;
  if (block_.end - position_ < kDgramHeaderBytes) return false;
  const int64_t size = DgramHeader::SizeOf(At(position_));
  return size < kDgramHeaderBytes || size > left;
}

// The answer where nothing whole stands at `position_`.
Result<DgramBatch> SourceReader::Refuse() {
  const int64_t left = end_ - position_;
  if (left == 0) return Shrunk();
  const Status fault = FaultHere(left);
  if (!fault.ok()) return Stop(FaultOfFirst(fault));
  const Status limit = FaultOfFirst(CheckLimit(DgramHeader::SizeOf(At(position_))));
  if (limit.code() == StatusCode::kDataLoss) return Stop(limit);
  block_ = {};
  return limit;
}

Result<DgramBatch> SourceReader::Shrunk() {
  return Stop(DgramFault(
      options_.name, position_, next_index_, position_,
      absl::StrCat("the source ends here; when opened it had ", options_.end, " bytes")));
}

Status SourceReader::Stop(const Status& fault) {
  ThrowIfNoMemory(fault);
  fault_ = fault;
  block_ = {};
  return fault_;
}

Status CheckSizes(const BatchReaderOptions& options) {
  if (options.batch_bytes >= 1 && options.max_dgram_bytes >= kDgramHeaderBytes) {
    return absl::OkStatus();
  }
  return status::Invalid(options.name, ": batches of ", options.batch_bytes,
                         " bytes, the least is 1; datagrams of at most ", options.max_dgram_bytes,
                         " bytes, the least is ", kDgramHeaderBytes);
}

Result<std::unique_ptr<BatchReader>> OpenFile(std::shared_ptr<io::RandomAccessFile> file,
                                              BatchReaderOptions&& options) {
  auto source = std::make_unique<FileSource>(std::move(file), options.pool);
  return OpenSource(std::move(source), std::move(options));
}

Result<std::unique_ptr<BatchReader>> OpenBuffer(std::shared_ptr<Buffer> buffer,
                                                BatchReaderOptions&& options) {
  auto source = std::make_unique<BufferSource>(std::move(buffer), options.pool);
  return OpenSource(std::move(source), std::move(options));
}

}  // namespace alkaid::dgram::internal
