// What the stress test finds, counts and watches: contents, alignment, answers, and threads without
// progress.
//
// Threads: all functions, from any thread.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <semaphore>
#include <string_view>
#include <thread>

#include "alkaid/base/status.h"

namespace alkaid::stress {

inline constexpr int kMaxThreads = 64;

// The operations and findings of all rounds.
struct Tally {
  std::atomic<int64_t> operations{0};
  std::atomic<int64_t> refused{0};
  std::atomic<int64_t> passed_on{0};
  std::atomic<int64_t> switches{0};
  std::atomic<int64_t> snapshots{0};
  std::atomic<int64_t> forks{0};
  std::atomic<int64_t> wrong_contents{0};
  std::atomic<int64_t> misaligned{0};
  std::atomic<int64_t> wrong_figures{0};
  std::atomic<int64_t> wrong_children{0};
  std::atomic<int64_t> wrong_answers{0};  // a status that no pool here may return
};
inline Tally tally;

// Counts a finding, and prints the first few of a kind.
__attribute__((format(printf, 2, 3))) inline void Found(std::atomic<int64_t>* kind,
                                                        const char* format, ...) {
  if (kind->fetch_add(1) >= 5) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  std::printf("FOUND %s\n", text);
  std::fflush(stdout);
}

enum class Fault : uint8_t { kNone, kContents, kMisaligned, kFigures, kHang };
inline std::atomic<Fault> planted{Fault::kNone};

// True once, for the thread that shall perform the planted fault.
inline bool IsPlanted(Fault fault) { return planted.compare_exchange_strong(fault, Fault::kNone); }

// What a thread is doing, for the watchdog.
struct alignas(64) Progress {
  std::atomic<int64_t> steps{0};
  std::atomic<const char*> at{"idle"};
};
inline std::array<Progress, kMaxThreads + 1> progress;  // the last one is of the main thread

inline void At(Progress* mine, const char* what) {
  mine->at.store(what, std::memory_order_relaxed);
  mine->steps.fetch_add(1, std::memory_order_relaxed);
}

// Ends the program when a busy thread has made no step for `patience`.
class Watchdog {
 public:
  explicit Watchdog(std::chrono::steady_clock::duration patience)
      : thread_([this, patience] { Watch(patience); }) {}
  ~Watchdog() {
    over_.release();
    thread_.join();
  }

 private:
  void Watch(std::chrono::steady_clock::duration patience) {
    std::array<int64_t, kMaxThreads + 1> seen = {};
    std::array<std::chrono::steady_clock::time_point, kMaxThreads + 1> since;
    since.fill(std::chrono::steady_clock::now());
    while (!over_.try_acquire_for(
        std::min<std::chrono::steady_clock::duration>(patience / 4, std::chrono::seconds(5)))) {
      bool hung = false;
      for (size_t i = 0; i < progress.size(); ++i) {
        const int64_t steps = progress[i].steps.load();
        const char* const at = progress[i].at.load();
        const bool idle = std::string_view(at) == "idle";
        if (steps != seen[i] || idle) {
          seen[i] = steps;
          since[i] = std::chrono::steady_clock::now();
        } else if (std::chrono::steady_clock::now() - since[i] > patience) {
          std::printf("FOUND hung: thread %zu, at %s\n", i, at);
          hung = true;
        }
      }
      if (!hung) continue;
      std::fflush(stdout);
      _exit(3);
    }
  }

  std::binary_semaphore over_{0};
  std::thread thread_;
};

// ---- Blocks, whose contents are known.

inline uint64_t WordOf(uint64_t id, int64_t index) {
  return (id + static_cast<uint64_t>(index)) * 0x9e3779b97f4a7c15;
}

inline void Fill(uint8_t* data, int64_t from, int64_t size, uint64_t id) {
  for (int64_t at = from; at < size;) {
    const uint64_t word = WordOf(id, at / 8);
    const int64_t shift = at % 8;
    const int64_t count = std::min<int64_t>(8 - shift, size - at);
    std::memcpy(data + at, reinterpret_cast<const char*>(&word) + shift,
                static_cast<size_t>(count));
    at += count;
  }
}

// The index of the first wrong byte, or -1.
inline int64_t FirstWrong(const uint8_t* data, int64_t size, uint64_t id) {
  int64_t at = 0;
  for (; at + 8 <= size; at += 8) {
    const uint64_t word = WordOf(id, at / 8);
    if (std::memcmp(data + at, &word, 8) != 0) break;
  }
  if (at == size) return -1;
  for (; at < size; ++at) {
    const uint64_t word = WordOf(id, at / 8);
    if (std::memcmp(data + at, reinterpret_cast<const char*>(&word) + at % 8, 1) != 0) return at;
  }
  return -1;
}

inline bool CheckContents(const uint8_t* data, int64_t size, uint64_t id, const char* when) {
  const int64_t wrong = FirstWrong(data, size, id);
  if (wrong < 0) return true;
  Found(&tally.wrong_contents, "wrong contents at byte %" PRId64 " of %" PRId64 ", %s", wrong, size,
        when);
  return false;
}

inline void CheckAlignment(const void* data, int64_t alignment, const char* when) {
  if (data != nullptr && reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(alignment) == 0)
    return;
  Found(&tally.misaligned, "%p is not aligned to %" PRId64 ", %s", data, alignment, when);
}

// A refusal must have been provoked: no memory, by a limit or on command.
inline bool Accepted(const Status& status) {
  if (status.ok()) return true;
  ++tally.refused;
  if (status.code() != StatusCode::kResourceExhausted)
    Found(&tally.wrong_answers, "%s", status.ToString().c_str());
  return false;
}

}  // namespace alkaid::stress
