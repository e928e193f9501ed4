// SmdWriter: makes small data from big data.
//
//   SmdWriter writer;
//   for (const Dgram& dgram : batch) ALKAID_RETURN_NOT_OK(writer.Append(dgram));
//   ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> small_data, writer.Finish());
//
// One datagram goes out for each that comes in, with its time and env:
//   Configure   a copy, with the declaration of the records added at its end;
//   L1Accept    the 76 bytes of a record: where the datagram lies and how large it is. Its damage
//               stays behind, and its payload is not looked into;
//   EndRun      its header alone, with its damage;
//   any other   a copy.
// Unused bytes are zero, so equal input gives equal bytes. What Append refuses leaves no bytes
// behind, and the writer as it was.
//
// Ownership: owns its bytes until Finish or Drain; borrows datagrams for the call, and the pool.
// Threads: one at a time. Out of memory: kResourceExhausted, where operator new or `out` has none
// too, and nothing is changed. What else `out` throws is passed on, and then nothing was drained.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::events {

struct SmdWriterOptions {
  // What ties the records to their declaration; no detector of the Configure may have it.
  dgram::NamesId names_id = dgram::NamesId(512, 0);
  // Where the bytes come from; null: the default pool.
  MemoryPool* pool = nullptr;
};

class ALKAID_EXPORT SmdWriter {
 public:
  explicit SmdWriter(SmdWriterOptions options = {});
  SmdWriter(const SmdWriter&) = delete;
  SmdWriter& operator=(const SmdWriter&) = delete;

  // The next datagram of the big-data file, or of the chunk that continues it; Dgram::offset() must
  // be its place there. The first must be a Configure. kDataLoss with source, byte and datagram
  // index where it is not, or where a datagram to be copied is malformed; kAlreadyExists where a
  // Configure uses the NamesId of the records, or declares records itself; kInvalidArgument where a
  // Configure has no room left in the 4 GiB that its header can state.
  Status Append(const dgram::Dgram& dgram);

  // Bytes and datagrams made since the last Finish or Drain.
  int64_t length() const { return builder_.length(); }
  int64_t size() const { return size_; }

  // All datagrams made so far, as one buffer; the writer goes on with what follows.
  Result<std::shared_ptr<Buffer>> Finish();
  // Writes them to `out` instead, and keeps the memory for what follows. Where `out` fails, they
  // stay.
  Status Drain(io::OutputStream* out);

 private:
  Status AppendConfigure(const dgram::Dgram& configure);
  Status AppendRecord(const dgram::Dgram& l1_accept);
  Status AppendHeader(const dgram::Dgram& dgram, uint32_t extent);

  const dgram::NamesId names_id_;
  MemoryPool* const pool_;
  BufferBuilder builder_;
  int64_t size_ = 0;
  bool configured_ = false;
  // The Xtc of the records' declaration; made with the first Configure.
  std::string declaration_;
};

}  // namespace alkaid::events
