// A run that a program makes and checks by itself: two streams of small datagrams, one of large
// ones.
//
// Every value follows from stream, event, field and element, so a reader knows what each array must
// hold. The small datagrams have the shape of a common event: 32 fields in three detectors, 10 of
// them arrays, about 850 bytes. The large ones hold one image of 256 KiB.
//
// Threads: the functions are free of state; an EventCheck is for one thread. Out of memory:
// kResourceExhausted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/dgram/dgram.h"

namespace alkaid::tools {

inline constexpr int kSyntheticStreams = 3;
// Events in each of the first two streams, by default; the third has a hundredth of them.
inline constexpr int64_t kSmallEvents = 20'000;

// Writes the three files into `directory` and returns their paths. `stop` is called between
// batches; when it returns true the writing ends with kCancelled.
Result<std::vector<std::string>> WriteSyntheticRun(const std::string& directory,
                                                   int64_t small_events, bool (*stop)());

// Checks the datagrams of one stream, in order, against what WriteSyntheticRun wrote.
class EventCheck {
 public:
  EventCheck(int stream, int64_t small_events) : stream_(stream), small_events_(small_events) {}

  // Locates every field of the datagram and compares every element. kDataLoss says where and what
  // differs.
  Status Check(const dgram::Dgram& dgram);
  // kDataLoss when events, fields or arrays were missing.
  Status CheckComplete() const;

 private:
  const int stream_;
  const int64_t small_events_;
  int64_t events_ = 0;
};

}  // namespace alkaid::tools
