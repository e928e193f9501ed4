#include "alkaid/dgram/batch_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "alkaid/core/files/file_input_stream.h"
#include "alkaid/core/files/file_io.h"
#include "alkaid/core/files/partial_read.h"
#include "alkaid/dgram/block_recycler.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/not_xtc2.h"

namespace alkaid::dgram {
namespace {

// Where bytes come from. Fetch gives a Buffer that holds [position, position + nbytes) of the
// source, or, where the source turns out shorter, what there is of it.
class Source {
 public:
  struct Block {
    std::shared_ptr<Buffer> buffer;
    int64_t buffer_offset = 0;  // byte of the source where `buffer` starts
    int64_t end = 0;            // byte of the source where what was fetched ends
    Status failure;             // why it ends too early, where the source cannot be read on
  };
  virtual ~Source() = default;
  virtual Result<int64_t> GetSize() = 0;
  virtual Result<Block> Fetch(int64_t position, int64_t nbytes) = 0;
  virtual MemoryPool* pool() const = 0;
};

class FileSource final : public Source {
 public:
  FileSource(std::shared_ptr<io::RandomAccessFile> file, MemoryPool* pool,
             std::shared_ptr<void> pool_owner)
      : file_(std::move(file)),
        recycler_(std::make_shared<BlockRecycler>(pool, std::move(pool_owner),
                                                  Label::Intern("dgram.batch"))) {}
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
  BufferSource(std::shared_ptr<Buffer> buffer, MemoryPool* pool)
      : buffer_(std::move(buffer)), pool_(pool != nullptr ? pool : default_memory_pool()) {}

  Result<int64_t> GetSize() override { return buffer_->size(); }
  Result<Block> Fetch(int64_t position, int64_t nbytes) override {
    return Block{buffer_, 0, position + nbytes, absl::OkStatus()};
  }
  MemoryPool* pool() const override { return pool_; }

 private:
  const std::shared_ptr<Buffer> buffer_;
  MemoryPool* const pool_;
};

class SourceReader : public BatchReader {
 public:
  SourceReader(std::unique_ptr<Source> source, BatchReaderOptions options)
      : source_(std::move(source)),
        options_(std::move(options)),
        position_(options_.begin),
        end_(options_.end),
        next_index_(options_.first_index),
        configuration_(options_.configuration) {}

  // Every step changes the reader only once nothing of it can fail any more; so a call that fails
  // for want of memory, or in the file, may be made again.
  Result<DgramBatch> Next() override try {
    if (!fault_.ok()) return fault_;
    if (block_.buffer == nullptr) {
      if (position_ == end_) return end_ == options_.end ? DgramBatch() : Shrunk();
      ALKAID_RETURN_NOT_OK(FetchBlock());
    }
    return TakeBatch();
  } catch (const std::bad_alloc&) {
    return status::NoMemory();
  }
  const std::shared_ptr<const Configuration>& configuration() const override {
    return configuration_;
  }
  int64_t position() const override { return position_; }
  int64_t next_index() const override { return next_index_; }
  int64_t end() const override { return end_; }
  MemoryPool* pool() const override { return source_->pool(); }

 protected:
  // What a walk over the headers of a block finds before it must stop.
  struct Span {
    int64_t nbytes = 0;
    int64_t size = 0;
    bool ends_block = false;  // the rest, if any, is cut by the end of the block
    int64_t cut_size = 0;     // bytes of the datagram that is cut; 0 where its header is cut too
    Status fault;             // what stands behind the datagrams counted
  };

  const uint8_t* At(int64_t position) const {
    return block_.buffer->data() + (position - block_.buffer_offset);
  }
  Status FaultHere(int64_t left) const {
    return CheckDgramHeader(At(position_), left, options_.name, position_, next_index_);
  }
  // A fault of the first datagram, or what the file is instead: one of another kind.
  Status FaultOfFirst(const Status& fault) const {
    if (position_ != 0 || fault.ok()) return fault;
    const std::string why = internal::WhyNotXtc2(At(0), block_.end);
    return why.empty() ? fault : internal::DgramFault(options_.name, 0, next_index_, 0, why);
  }

  // One read, of batch_bytes, or of one larger datagram and the header after it, so that its
  // successor's size is known and no datagram is read twice for being large. A second read only
  // where a large datagram comes unannounced.
  Status FetchBlock() {
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
      // A whole datagram, or one that TakeBatch will find at fault.
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

  Status CheckLimit(int64_t size) const {
    if (size <= options_.max_dgram_bytes) return absl::OkStatus();
    return status::OutOfMemory(options_.name, ": byte ", position_, " (datagram ", next_index_,
                               "): datagram of ", size, " bytes, the limit is ",
                               options_.max_dgram_bytes, internal::kDgramLimitOption);
  }
  // The source failed before the datagram at `position_` was whole. May pass: nothing is changed.
  Status Unreadable() {
    const Source::Block block = std::exchange(block_, {});
    return Status(block.failure.code(),
                  absl::StrCat(options_.name, ": byte ", block.end, " (datagram ", next_index_,
                               " at byte ", position_, "): ", block.failure.message()));
  }

  // Counts whole datagrams from `position_` on, up to the next Configure.
  Span Measure() const {
    Span span;
    const uint8_t* const begin = At(position_);
    const int64_t there = block_.end - position_;
    while (true) {
      const int64_t left = there - span.nbytes;
      const uint8_t* const data = begin + span.nbytes;
      span.ends_block = true;
      span.cut_size = 0;
      if (left < kDgramHeaderBytes) break;
      const int64_t size = DgramHeader::SizeOf(data);
      span.cut_size = size;
      if (size < kDgramHeaderBytes || size > left) break;
      if (size > options_.max_dgram_bytes) break;
      if (span.size > 0 && DgramHeader::ServiceOf(data) == TransitionId::kConfigure) {
        span.ends_block = false;
        break;
      }
      span.nbytes += size;
      ++span.size;
    }
    return span;
  }

  Result<DgramBatch> TakeBatch() {
    const Span span = Measure();
    if (span.size == 0) return Refuse();

    auto origin = std::make_shared<DgramOrigin>(
        DgramOrigin{block_.buffer, configuration_, options_.name, block_.buffer_offset});
    const uint8_t* const begin = At(position_);
    const Dgram first(origin, begin, DgramHeader::SizeOf(begin), next_index_);
    if (first.service() == TransitionId::kConfigure && options_.read_configures) {
      Result<std::shared_ptr<const Configuration>> made = Configuration::FromDgram(first);
      if (!made.ok()) return Stop(FaultOfFirst(made.status()));
      configuration_ = *std::move(made);
      origin->configuration = configuration_;
    } else if (configuration_ == nullptr && options_.require_configuration) {
      return Stop(FaultOfFirst(internal::DgramFault(
          first, 0, absl::StrCat(TransitionName(first.service()), " before any Configure"))));
    }

    if (alkaid::internal::ViewEventsOn()) [[unlikely]]
      internal::TellSourceOf(*origin, begin, span.nbytes);
    DgramBatch batch(std::move(origin), begin, span.nbytes, span.size, next_index_);
    position_ += span.nbytes;
    next_index_ += span.size;
    if (span.ends_block) {
      announced_size_ = span.cut_size;
      // Keep a block whose next header is at fault: Refuse looks at it.
      if (!AtFault()) block_ = {};
    }
    return batch;
  }

  // Whether what stands at `position_` can be told now never to become a datagram.
  bool AtFault() const {
    if (position_ == end_) return false;
    const int64_t left = end_ - position_;
    if (left < kDgramHeaderBytes) return true;
    if (block_.end - position_ < kDgramHeaderBytes) return false;
    const int64_t size = DgramHeader::SizeOf(At(position_));
    return size < kDgramHeaderBytes || size > left;
  }

  // Nothing whole stands at `position_`.
  Result<DgramBatch> Refuse() {
    const int64_t left = end_ - position_;
    if (left == 0) return Shrunk();
    const Status fault = FaultHere(left);
    if (!fault.ok()) return Stop(FaultOfFirst(fault));
    const Status limit = FaultOfFirst(CheckLimit(DgramHeader::SizeOf(At(position_))));
    if (limit.code() == StatusCode::kDataLoss) return Stop(limit);
    block_ = {};
    return limit;
  }

  Result<DgramBatch> Shrunk() {
    return Stop(internal::DgramFault(
        options_.name, position_, next_index_, position_,
        absl::StrCat("the source ends here; when opened it had ", options_.end, " bytes")));
  }

  // A fault of the data: nothing follows. One that could not be told for want of memory is met
  // again.
  Status Stop(const Status& fault) {
    internal::ThrowIfNoMemory(fault);
    fault_ = fault;
    block_ = {};
    return fault_;
  }

  const std::unique_ptr<Source> source_;
  const BatchReaderOptions options_;
  int64_t position_;
  int64_t end_;
  int64_t next_index_;
  std::shared_ptr<const Configuration> configuration_;
  // What was fetched and not yet given out whole; its buffer is null where there is none.
  Source::Block block_;
  // Bytes of the datagram at `position_` where its header was seen; else 0.
  int64_t announced_size_ = 0;
  Status fault_;
};

// Where the blocks of a stream come from; its reader fills them.
class StreamSource final : public Source {
 public:
  StreamSource(std::shared_ptr<io::InputStream> stream, MemoryPool* pool,
               std::shared_ptr<void> pool_owner)
      : stream_(std::move(stream)),
        recycler_(std::make_shared<BlockRecycler>(pool, std::move(pool_owner),
                                                  Label::Intern("dgram.batch"))) {}
  ~StreamSource() override { recycler_->Close(); }

  io::InputStream& stream() { return *stream_; }
  Result<int64_t> GetSize() override { return status::NotImplemented("the size of a stream"); }
  // A block with nothing in it yet.
  Result<Block> Fetch(int64_t position, int64_t nbytes) override {
    ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> buffer, recycler_->Take(nbytes));
    return Block{std::move(buffer), position, position, absl::OkStatus()};
  }
  MemoryPool* pool() const override { return recycler_->pool(); }

 private:
  const std::shared_ptr<io::InputStream> stream_;
  const std::shared_ptr<BlockRecycler> recycler_;
};

// A block is filled behind the datagrams that were given out of it: small reads take no more memory
// than large ones.
class StreamReader final : public SourceReader {
 public:
  StreamReader(std::unique_ptr<StreamSource> source, BatchReaderOptions options)
      : SourceReader(std::move(source), std::move(options)) {
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
    return batch;
  } catch (const std::bad_alloc&) {
    return status::NoMemory();
  }
  int64_t end() const override { return ended_ ? end_ : -1; }
  Result<int64_t> FindEnd() override {
    std::array<uint8_t, 16384> unseen;
    while (!ended_) ALKAID_RETURN_NOT_OK(Read(static_cast<int64_t>(unseen.size()), unseen.data()));
    block_ = {};
    return end_;
  }

 private:
  int64_t Room() const { return block_.buffer->size() - (read_ - block_.buffer_offset); }

  // Until a datagram stands at `position_`, whole, or what can become none; or the end.
  Status WaitForDgram() {
    while (true) {
      const int64_t got = read_ - position_;
      int64_t want = kDgramHeaderBytes;
      if (got >= kDgramHeaderBytes) {
        want = DgramHeader::SizeOf(At(position_));
        const Status limit = FaultOfFirst(CheckLimit(want));
        if (!limit.ok()) return limit.code() == StatusCode::kDataLoss ? Stop(limit) : limit;
        if (want <= got) return absl::OkStatus();
      }
      if (ended_) return absl::OkStatus();
      if (block_.buffer == nullptr || Room() < want - got) {
        ALKAID_RETURN_NOT_OK(GoToNextBlock(std::max(options_.batch_bytes, want), got));
      }
      ALKAID_RETURN_NOT_OK(
          Read(Room(), block_.buffer->mutable_data() + (read_ - block_.buffer_offset)));
      block_.end = read_;
    }
  }

  // A block that begins with the `got` bytes that are there of a datagram.
  Status GoToNextBlock(int64_t nbytes, int64_t got) {
    ALKAID_ASSIGN_OR_RAISE(Source::Block next, source_->Fetch(position_, nbytes));
    if (got > 0) {
      std::memcpy(next.buffer->mutable_data(), At(position_), static_cast<size_t>(got));
    }
    next.end += got;
    block_ = std::move(next);
    return absl::OkStatus();
  }

  Status Read(int64_t nbytes, uint8_t* out) {
    ALKAID_ASSIGN_OR_RAISE(const int64_t got,
                           static_cast<StreamSource&>(*source_).stream().ReadSome(nbytes, out));
    read_ += got;
    ended_ = got == 0;
    if (ended_) end_ = read_;
    return absl::OkStatus();
  }

  // Bytes of the stream.
  int64_t read_ = 0;
  bool ended_ = false;
};

Status CheckSizes(const BatchReaderOptions& options) {
  if (options.batch_bytes >= 1 && options.max_dgram_bytes >= kDgramHeaderBytes) {
    return absl::OkStatus();
  }
  return status::Invalid(options.name, ": batches of ", options.batch_bytes,
                         " bytes, the least is 1; datagrams of at most ", options.max_dgram_bytes,
                         " bytes, the least is ", kDgramHeaderBytes);
}

Result<std::unique_ptr<BatchReader>> OpenSource(std::unique_ptr<Source> source,
                                                BatchReaderOptions options) {
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

Result<std::unique_ptr<BatchReader>> BatchReader::Open(const std::string& path,
                                                       BatchReaderOptions options) try {
  if (io::IsStream(path)) {
    ALKAID_ASSIGN_OR_RAISE(auto stream, io::FileInputStream::Open(path, options.pool));
    if (options.name.empty()) options.name = stream->name();
    return OpenStream(std::move(stream), std::move(options));
  }
  if (options.name.empty()) options.name = path;
  ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<io::RandomAccessFile> file,
                         io::ReadableFile::Open(path, options.pool));
  return Open(std::move(file), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<BatchReader>> BatchReader::Open(std::shared_ptr<io::RandomAccessFile> file,
                                                       BatchReaderOptions options) try {
  if (file == nullptr) return status::Invalid("a reader needs a file, and has null");
  if (options.name.empty()) options.name = "file";
  if (options.on_fault != OnFault::kStop) {
    return internal::OpenSkipping(
        {[file](BatchReaderOptions inner) { return Open(file, std::move(inner)); },
         [file](int64_t position, int64_t nbytes, void* out) {
           return file->ReadAt(position, nbytes, out);
         }},
        std::move(options));
  }
  auto source = std::make_unique<FileSource>(std::move(file), options.pool, options.pool_owner);
  return OpenSource(std::move(source), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<BatchReader>> BatchReader::OpenStream(
    std::shared_ptr<io::InputStream> stream, BatchReaderOptions options) try {
  if (stream == nullptr) return status::Invalid("a reader needs a stream, and has null");
  if (options.name.empty()) options.name = "stream";
  ALKAID_RETURN_NOT_OK(CheckSizes(options));
  if (options.begin != 0 || options.end != -1) {
    return status::Invalid(options.name, ": range from byte ", options.begin, " to ", options.end,
                           "; a stream is read once, from where it is (0) to its end (-1)");
  }
  if (options.on_fault != OnFault::kStop) {
    return status::Invalid(options.name,
                           ": a stream is read once, and going on behind a fault looks ahead in "
                           "it: that takes a file");
  }
  auto source = std::make_unique<StreamSource>(std::move(stream), options.pool, options.pool_owner);
  return std::make_unique<StreamReader>(std::move(source), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::unique_ptr<BatchReader>> BatchReader::Open(std::shared_ptr<Buffer> buffer,
                                                       BatchReaderOptions options) try {
  if (buffer == nullptr) return status::Invalid("a reader needs a buffer, and has null");
  if (!buffer->is_cpu()) {
    return status::Invalid("a reader needs a buffer that the CPU can read; this one is on ",
                           buffer->device()->ToString());
  }
  if (options.name.empty()) options.name = "buffer";
  if (options.on_fault != OnFault::kStop) {
    return internal::OpenSkipping(
        {[buffer](BatchReaderOptions inner) { return Open(buffer, std::move(inner)); },
         [buffer](int64_t position, int64_t nbytes, void* out) -> Result<int64_t> {
           const int64_t count = std::clamp<int64_t>(buffer->size() - position, 0, nbytes);
           if (count > 0) std::memcpy(out, buffer->data() + position, static_cast<size_t>(count));
           return count;
         }},
        std::move(options));
  }
  auto source = std::make_unique<BufferSource>(std::move(buffer), options.pool);
  return OpenSource(std::move(source), std::move(options));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
