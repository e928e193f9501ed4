// SourceReader: the BatchReader over a source that is fetched block by block: a file, a Buffer. The
// readers that fill a block as its bytes come are built on it (filling_reader_internal.h).
//
// Ownership: a reader owns its source. Threads: one at a time. Out of memory, errors: as
// BatchReader.
#pragma once

#include <cstdint>
#include <memory>

#include "alkaid/base/status.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/dgram/batch_reader.h"

namespace alkaid::dgram::internal {

// A source of bytes. Fetch returns a Buffer that holds [position, position + nbytes) of the source,
// or what there is of it where the source turns out shorter.
class Source {
 public:
  struct Block {
    std::shared_ptr<Buffer> buffer;
    int64_t buffer_offset = 0;  // byte of the source where `buffer` starts
    int64_t end = 0;            // byte of the source where the fetched bytes end
    Status failure;             // why they end too early, where the source cannot be read on
  };
  virtual ~Source() = default;
  virtual Result<int64_t> GetSize() = 0;
  virtual Result<Block> Fetch(int64_t position, int64_t nbytes) = 0;
  virtual MemoryPool* pool() const = 0;
};

class SourceReader : public BatchReader {
 public:
  // `options.end` must be known.
  SourceReader(std::unique_ptr<Source> source, BatchReaderOptions&& options);

  Result<DgramBatch> Next() override;
  const std::shared_ptr<const Configuration>& configuration() const override {
    return configuration_;
  }
  int64_t position() const override { return position_; }
  int64_t next_index() const override { return next_index_; }
  int64_t end() const override { return end_; }
  MemoryPool* pool() const override { return source_->pool(); }

 protected:
  const uint8_t* At(int64_t position) const {
    return block_.buffer->data() + (position - block_.buffer_offset);
  }
  // The fault of the header at `position_`, from where the source has `left` bytes.
  Status FaultHere(int64_t left) const;
  // A fault of the first datagram; where the file is of another kind, the message says so.
  Status FaultOfFirst(const Status& fault) const;
  Status CheckLimit(int64_t size) const;
  // The datagrams from `position_` on in the block, up to the next Configure, or the fault of what
  // stands there.
  Result<DgramBatch> TakeBatch();
  // The failure of a source that fails at `byte`, before the datagram at `position_` is whole.
  Status UnreadableAt(int64_t byte, const Status& failure) const;
  // Records a fault of the data: nothing follows. Without memory to report it, the next call meets
  // it again.
  Status Stop(const Status& fault);

  const std::unique_ptr<Source> source_;
  const BatchReaderOptions options_;
  int64_t position_;
  int64_t end_;
  int64_t next_index_;
  std::shared_ptr<const Configuration> configuration_;
  // Configurations by time, until a Configure was read; else null.
  std::shared_ptr<const ConfigurationHistory> history_;
  // What was fetched and is not yet given out whole; its buffer is null where there is none.
  Source::Block block_;
  // Bytes of the datagram at `position_` if its header was read; else 0.
  int64_t announced_size_ = 0;
  Status fault_;

 private:
  // Result of a walk over the headers of a block, up to where it must stop.
  struct Span {
    int64_t nbytes = 0;
    int64_t size = 0;
    bool ends_block = false;  // the rest, if any, is cut off by the end of the block
    int64_t cut_size = 0;     // bytes of the datagram that is cut off; 0 if its header is too
  };

  Status FetchBlock();
  Status Unreadable();
  Span Measure() const;
  void KeepOneConfiguration(Span* span);
  bool AtFault() const;
  Result<DgramBatch> Refuse();
  Result<DgramBatch> Shrunk();
};

// Refuses sizes that make no sense.
Status CheckSizes(const BatchReaderOptions& options);

// Readers that stop at a fault. No argument is null, and the name is not empty.
Result<std::unique_ptr<BatchReader>> OpenFile(std::shared_ptr<io::RandomAccessFile> file,
                                              BatchReaderOptions&& options);
Result<std::unique_ptr<BatchReader>> OpenBuffer(std::shared_ptr<Buffer> buffer,
                                                BatchReaderOptions&& options);

}  // namespace alkaid::dgram::internal
