// SmdWriter: makes small data from big data.
//
//   SmdWriter writer;
//   for (const Dgram& dgram : batch) ALKAID_RETURN_NOT_OK(writer.Append(dgram));
//   ALKAID_ASSIGN_OR_RAISE(std::shared_ptr<Buffer> small_data, writer.Finish());
//
// For each datagram one is written, with the same time and env:
//   Configure   a copy, with the declaration of the records added at its end
//   L1Accept    the 76 bytes of a record: the place and size of the datagram. Its damage is not
//               copied, and its payload is not parsed
//   EndRun      only its header, with its damage
//   any other   a copy
// Unused bytes are zero, so equal input gives equal bytes. When Append refuses a datagram, it adds
// no bytes, and the writer is as it was.
//
// Ownership: owns its bytes until Finish or Drain; borrows datagrams for the call, and the pool.
// Threads: one at a time. Out of memory: kResourceExhausted, also where operator new fails or `out`
// throws std::bad_alloc; nothing is changed then.
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
  // Links the records to their declaration; no detector of the Configure may have it.
  dgram::NamesId names_id = dgram::NamesId(512, 0);
  // The pool of the bytes; null: the default pool.
  PoolHandle pool = {};
};

class ALKAID_EXPORT SmdWriter {
 public:
  explicit SmdWriter(SmdWriterOptions options = {});
  SmdWriter(const SmdWriter&) = delete;
  SmdWriter& operator=(const SmdWriter&) = delete;

  // Appends the next datagram of the big-data file, or of the chunk that continues it;
  // Dgram::offset() must be its place there. The first must be a Configure. Errors:
  //   - kDataLoss with source, byte and datagram index where the first is no Configure, or where a
  //     datagram to be copied is malformed
  //   - kAlreadyExists where a Configure uses the NamesId of the records, or declares records
  //     itself
  //   - kInvalidArgument where a Configure has no room left in the 4 GiB that its header can state
  Status Append(const dgram::Dgram& dgram);

  // Bytes and datagrams made since the last Finish or Drain.
  int64_t length() const { return builder_.length(); }
  int64_t size() const { return size_; }

  // Returns all datagrams made so far as one buffer; the writer goes on with what follows.
  Result<std::shared_ptr<Buffer>> Finish();
  // Writes them to `out` instead, and keeps the memory for later ones. If `out` fails, its Status
  // is returned as it is; exceptions other than std::bad_alloc pass through. The datagrams then
  // stay in the writer.
  Status Drain(io::OutputStream* out);

 private:
  Status AppendConfigure(const dgram::Dgram& configure);
  Status AppendRecord(const dgram::Dgram& l1_accept);
  Status AppendHeader(const dgram::Dgram& dgram, uint32_t extent);

  const dgram::NamesId names_id_;
  const PoolHandle pool_;
  BufferBuilder builder_;
  int64_t size_ = 0;
  bool configured_ = false;
  // The Xtc of the records' declaration; made with the first Configure.
  std::string declaration_;
};

}  // namespace alkaid::events
