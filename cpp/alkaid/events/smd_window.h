// SmdWindow: the datagrams of several streams up to one moment; SmdWindowSource: a source of
// windows.
//
// A window can be built into events without waiting for more: everything that comes later, from any
// stream, is later than `limit`. So the work on a run can be cut into windows and given to several
// nodes; Pack turns a window into the message for a node. A node that did not get the earlier
// windows also needs their transitions: a Configure, or an Enable that announces a chunk, may be
// among them. StepHistory keeps them.
//
// A window has the Configurations that it was recorded under, which differ from those that open the
// streams once a Configure has come. Its message is unpacked under them:
//
//   ALKAID_ASSIGN_OR_RAISE(auto message, Pack(window));
//   ALKAID_ASSIGN_OR_RAISE(SmdWindow again, Unpack(message, window.configurations));
//
// In another process the window itself is not there. A node that gets all windows, or the
// transitions of those that it missed, goes on from one message to the next:
//
//   configurations = again.ConfigurationsAfter();
//
// Ownership: values that share the batches' buffers.
// Threads: a window is as safe as its batches; a source is for one thread at a time.
// Out of memory: functions that return a Result or a Status return kResourceExhausted, also where
// operator new fails; all others throw std::bad_alloc. Nothing is changed then.
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
  // The last L1Accept of an exposure of an integrating detector: that datagram of `stream` becomes
  // L1AcceptEndOfBatch in the events that are built.
  struct EndOfBatch {
    int stream;
    dgram::Timestamp timestamp;
    // How many L1Accepts of that timestamp the stream has before it.
    int64_t repeat = 0;
  };

  // For each stream, in order, all its datagrams after the last window up to `limit`, without the
  // Configure that opens the stream.
  std::vector<std::vector<dgram::DgramBatch>> streams;
  dgram::Timestamp limit;
  // By time, one for each exposure that ends in the window; empty without an integrating detector.
  std::vector<EndOfBatch> ends;
  // For each stream, the Configuration of its datagrams up to the first Configure in the window;
  // from there on the Configure's own holds. Null where it is not known. Empty in a window that was
  // made by hand.
  std::vector<std::shared_ptr<const dgram::Configuration>> configurations;
  // Whether an exposure may include L1Accepts of this window and of the next. Only where a stream
  // was full in the middle of one.
  bool exposure_goes_on = false;
  // Whether the L1Accepts that end an exposure are L1AcceptEndOfBatch already, as in a message.
  bool ends_are_marked = false;

  // The Configuration of each stream after its last datagram.
  std::vector<std::shared_ptr<const dgram::Configuration>> ConfigurationsAfter() const;
  // Whether no stream has a datagram, which means the end.
  bool empty() const;
  // The datagrams of all streams, and their bytes.
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
  // The next window; empty at the end, and in all later calls. Out of memory: kResourceExhausted,
  // and the next call returns what this one would have returned.
  virtual Result<SmdWindow> Next() = 0;
};

// A source of one window: all of `streams`, whose bytes may have any owner. Each stream begins
// after its Configure, which its first batch knows.
ALKAID_EXPORT std::shared_ptr<SmdWindowSource> OneWindow(
    std::vector<std::vector<dgram::DgramBatch>> streams);
// The same from one block of whole datagrams for each stream, under `configurations` (one for each;
// kInvalidArgument where the numbers differ). kDataLoss where a block is malformed.
ALKAID_EXPORT Result<std::shared_ptr<SmdWindowSource>> OneWindow(
    const std::vector<std::shared_ptr<Buffer>>& blocks,
    const std::vector<std::shared_ptr<const dgram::Configuration>>& configurations);

// One block of bytes: the datagrams of each stream, in the order of the streams, then a
// PacketFooter with the bytes of each stream. L1Accepts that end an exposure are L1AcceptEndOfBatch
// in it. `missing_steps`, if given, has a block for each stream, or null, that is put before its
// datagrams. kInvalidArgument where a stream has 4 GiB or more, or the numbers differ. Inside this
// process the block knows its Configurations; its bytes do not contain them.
ALKAID_EXPORT Result<std::shared_ptr<Buffer>> Pack(
    const SmdWindow& window, const std::vector<std::shared_ptr<Buffer>>& missing_steps = {},
    PoolHandle pool = {});
// The datagrams of a message, as views of it. `limit` is the latest of their timestamps; `ends` is
// empty, as they are marked already. `configurations` are those of the window; for a message with
// missing steps, those at the beginning of the steps. kInvalidArgument, naming the stream, where
// the message was packed in this process from datagrams of another Configuration. kDataLoss, naming
// `source` and byte, where the footer or a datagram is malformed, or the numbers of streams and
// configurations differ.
ALKAID_EXPORT Result<SmdWindow> Unpack(
    const std::shared_ptr<Buffer>& message,
    const std::vector<std::shared_ptr<const dgram::Configuration>>& configurations,
    const std::string& source = "message");

// Keeps the transitions of windows for nodes that did not get them. Takes as much memory as they
// do.
//
// Threads: one at a time.
class ALKAID_EXPORT StepHistory {
 public:
  // The progress of a node: bytes of transitions of each stream.
  using Position = std::vector<int64_t>;

  explicit StepHistory(int stream_count, PoolHandle pool = {});

  // Adds the transitions of the next window. Without memory kResourceExhausted, and none is added.
  Status Add(const SmdWindow& window);
  // The position after the last added window.
  Position position() const;
  // What came after `position`, one block for each stream, null where nothing did: `missing_steps`
  // of Pack. kOutOfRange for an invalid position.
  Result<std::vector<std::shared_ptr<Buffer>>> Since(const Position& position) const;

 private:
  const PoolHandle pool_;
  std::vector<BufferBuilder> steps_;
};

}  // namespace alkaid::events
