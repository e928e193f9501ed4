// SmdWindow: the datagrams of several streams up to one moment, and where such windows come from.
//
// A window is what can be built into events without waiting for more: whatever comes later, from
// any stream, is later than `limit`. So the work on a run can be cut into windows and given to
// several nodes; Pack makes of a window the message that such a node gets. A node that did not get
// the windows before needs their transitions too: a Configure, or an Enable that announces a chunk,
// may be among them. StepHistory keeps them.
//
// A window hands out the Configurations that it was recorded under, which differ from those that
// open the streams once a Configure has come. Its message is unpacked under these:
//
//   ALKAID_ASSIGN_OR_RAISE(auto message, Pack(window));
//   ALKAID_ASSIGN_OR_RAISE(SmdWindow again, Unpack(message, window.configurations));
//
// Where the window itself does not get, in another process, a node that gets all windows (or the
// transitions of those that it missed) goes on from one message to the next:
//
//   configurations = again.ConfigurationsAfter();
//
// Ownership: values that share the batches' buffers.
// Threads: a window as safe as its batches; a source is for one thread at a time.
// Out of memory: kResourceExhausted from what answers with a Result or a Status, where operator new
// has none too; all else throws std::bad_alloc. Nothing is changed then.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/dgram/batch.h"
#include "alkaid/dgram/configuration.h"

namespace alkaid::events {

struct ALKAID_EXPORT SmdWindow {
  // The last L1Accept of an integrating detector's exposure: that datagram of `stream` is to become
  // L1AcceptEndOfBatch in the events that are built.
  struct EndOfBatch {
    int stream;
    dgram::Timestamp timestamp;
    // How many L1Accepts of that timestamp the stream has before it.
    int64_t repeat = 0;
  };

  // Of each stream, in order, all its datagrams after the last window up to `limit`; the Configure
  // that opens a stream is not among them.
  std::vector<std::vector<dgram::DgramBatch>> streams;
  dgram::Timestamp limit;
  // In order of time, one for each exposure that ends in the window; empty unless there is an
  // integrating detector.
  std::vector<EndOfBatch> ends;
  // Of each stream, what its datagrams up to the first Configure in the window were recorded under,
  // and from that on, what it declares. Null where that is not known. Empty in a window that was
  // made by hand.
  std::vector<std::shared_ptr<const dgram::Configuration>> configurations;
  // Whether an exposure may take in L1Accepts of this window and of the next. So it is only where a
  // stream was full in the midst of one.
  bool exposure_goes_on = false;
  // Whether the L1Accepts that end an exposure are L1AcceptEndOfBatch already, as in a message.
  bool ends_are_marked = false;

  // What is in force after the last datagram of each stream.
  std::vector<std::shared_ptr<const dgram::Configuration>> ConfigurationsAfter() const;
  // Whether no stream has a datagram: the end.
  bool empty() const;
  // Datagrams, and their bytes, of all streams.
  int64_t size() const;
  int64_t nbytes() const;
};

class ALKAID_EXPORT SmdWindowSource {
 public:
  SmdWindowSource() = default;
  virtual ~SmdWindowSource();
  SmdWindowSource(const SmdWindowSource&) = delete;
  SmdWindowSource& operator=(const SmdWindowSource&) = delete;

  virtual int stream_count() const = 0;
  // The next window; an empty one at the end, and from then on. Out of memory: kResourceExhausted,
  // and the next call gives what this one would have given.
  virtual Result<SmdWindow> Next() = 0;
};

// A source of one window: everything in `streams`, whoever owns the bytes. Each begins behind its
// Configure, which its first batch knows.
ALKAID_EXPORT std::shared_ptr<SmdWindowSource> OneWindow(
    std::vector<std::vector<dgram::DgramBatch>> streams);
// The same from one block of whole datagrams for each stream, under `configurations` (one for each;
// kInvalidArgument where the numbers differ). kDataLoss where a block is malformed.
ALKAID_EXPORT Result<std::shared_ptr<SmdWindowSource>> OneWindow(
    const std::vector<std::shared_ptr<Buffer>>& blocks,
    const std::vector<std::shared_ptr<const dgram::Configuration>>& configurations);

// One block of bytes: the datagrams of each stream, in the order of the streams, then a
// PacketFooter with the bytes of each. L1Accepts that end an exposure are L1AcceptEndOfBatch in it.
// `missing_steps`, where given, has a block for each stream, or null, that is put before its
// datagrams. kInvalidArgument where a stream has 4 GiB or more, or the numbers differ. The block
// knows, as long as it is in this process, what it was recorded under; its bytes do not tell.
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> Pack(
    const SmdWindow& window, const std::vector<std::shared_ptr<Buffer>>& missing_steps = {},
    MemoryPool* pool = nullptr);
// The datagrams of a message, as views of it; `limit` is the latest of their timestamps, and `ends`
// is empty, as they are marked already. `configurations` are those of the window; of a message with
// missing steps, those of their beginning. kInvalidArgument, naming the stream, where the message
// was packed in this process of datagrams of another Configuration. kDataLoss, naming `source` and
// byte, where the footer or a datagram is malformed, or there are not as many streams as
// configurations.
ALKAID_EXPORT Result<SmdWindow> Unpack(
    const std::shared_ptr<Buffer>& message,
    const std::vector<std::shared_ptr<const dgram::Configuration>>& configurations,
    const std::string& source = "message");

// The transitions of windows, kept for those who did not get them. Takes as much memory as they do.
//
// Threads: one at a time.
class ALKAID_EXPORT StepHistory {
 public:
  // How far a node has got: bytes of transitions of each stream.
  using Position = std::vector<int64_t>;

  explicit StepHistory(int stream_count, MemoryPool* pool = nullptr);

  // Adds the transitions of the next window. kResourceExhausted, and then none was added.
  Status Add(const SmdWindow& window);
  // Behind the last window added.
  Position position() const;
  // What came after `position`, one block for each stream, null where nothing did: `missing_steps`
  // for Pack. kOutOfRange for a position that is none.
  Result<std::vector<std::shared_ptr<Buffer>>> Since(const Position& position) const;

 private:
  MemoryPool* const pool_;
  std::vector<BufferBuilder> steps_;
};

}  // namespace alkaid::events
