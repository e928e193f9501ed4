// Leaks a known number of blocks from functions of known names, among others that it frees.
//
//   leave_behind BACKEND [--one-more] [--odd-label] [--refused] [--wait] [--for SECONDS]
//
// Prints a line for each function: its name, and the blocks and bytes that it leaked; then it ends.
//   --one-more  leaks one block more than it prints, from LeaveOneMore: a planted fault
//   --odd-label also leaks a block under a label of several lines and control characters
//   --refused   also asks for more memory than there is
//   --wait      prints "ready" and waits for a line of input, so that a tracer can attach; after
//               the table it prints "done" and waits again
//   --for       runs for about that long, and leaks nothing more
#include <alkaid/core/memory.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace leave_behind {

using alkaid::MemoryPool;

constexpr int kThreads = 2;
constexpr int kTurns = 5;

struct Left {
  int blocks = 0;
  int64_t bytes = 0;
};

void Require(const alkaid::Status& status) {
  if (status.ok()) return;
  std::cerr << "leave_behind: " << status.ToString() << "\n";
  std::exit(1);
}

uint8_t* NewBlock(MemoryPool* pool, int64_t size) {
  uint8_t* block = nullptr;
  Require(pool->Allocate(size, &block));
  std::memset(block, 1, static_cast<size_t>(size));
  return block;
}

// Called by pointer, so that each keeps its name and its frame.

[[gnu::noinline]] Left LeaveAllocated(MemoryPool* pool) {
  for (int i = 0; i < kTurns; ++i) {
    uint8_t* const passing = NewBlock(pool, 500);
    NewBlock(pool, 1000);
    pool->Free(passing, 500);
  }
  return {kTurns, int64_t{kTurns} * 1000};
}

// One block that must move, one that may stay, and one that is freed after all.
[[gnu::noinline]] Left LeaveReallocated(MemoryPool* pool) {
  uint8_t* block = NewBlock(pool, 3000);
  Require(pool->Reallocate(3000, 700000, &block));
  block = NewBlock(pool, 9000);
  Require(pool->Reallocate(9000, 8999, &block));
  block = NewBlock(pool, 4000);
  Require(pool->Reallocate(4000, 60000, &block));
  pool->Free(block, 60000);
  return {2, 700000 + 8999};
}

// The threads run concurrently: their calls interleave, and an address may go from one to the
// other.
[[gnu::noinline]] Left LeaveInThreads(MemoryPool* pool) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([pool] {
      for (int turn = 0; turn < kTurns; ++turn) {
        uint8_t* block = NewBlock(pool, 2000);
        Require(pool->Reallocate(2000, 100000, &block));
        pool->Free(block, 100000);
        NewBlock(pool, 4400);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  return {kThreads * kTurns, int64_t{kThreads} * kTurns * 4400};
}

[[gnu::noinline]] Left LeaveBuilt(MemoryPool* pool) {
  alkaid::TypedBufferBuilder<int32_t> builder(pool);
  for (int32_t i = 0; i < 5000; ++i) Require(builder.Append(i));
  auto* const built = new std::shared_ptr<alkaid::Buffer>(builder.Finish().value());
  return {1, (*built)->capacity()};
}

[[gnu::noinline]] Left LeaveLabelled(MemoryPool* pool) {
  alkaid::ScopedLabel label("kept by name");
  NewBlock(pool, 333);
  NewBlock(pool, 334);
  return {2, 333 + 334};
}

[[gnu::noinline]] Left LeaveOddlyLabelled(MemoryPool* pool) {
  alkaid::ScopedLabel label(
      "two\nlines, \x1b[31mred\xc2\x9b"
      "0m\t\" size=7");
  NewBlock(pool, 555);
  return {1, 555};
}

[[gnu::noinline]] Left LeaveOneMore(MemoryPool* pool) {
  NewBlock(pool, 77);
  return {0, 0};
}

[[gnu::noinline]] Left LeaveNothingWhenRefused(MemoryPool* pool) {
  constexpr int64_t kTooMuch = int64_t{1} << 47;
  uint8_t* block = NewBlock(pool, 640);
  uint8_t* refused = nullptr;
  if (pool->Allocate(kTooMuch, &refused).ok() || pool->Reallocate(640, kTooMuch, &block).ok()) {
    std::cerr << "leave_behind: 128 TiB were not refused\n";
    std::exit(1);
  }
  pool->Free(block, 640);
  return {0, 0};
}

[[gnu::noinline]] Left LeaveNothingFor(MemoryPool* pool, std::chrono::duration<double> time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    pool->Free(NewBlock(pool, 12345), 12345);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return {0, 0};
}

struct Leaver {
  const char* name;
  Left (*leave)(MemoryPool*);
};

void WaitForLine(const char* message) {
  std::cout << message << std::endl;
  std::string line;
  std::getline(std::cin, line);
}

}  // namespace leave_behind

int main(int argc, char** argv) {
  using leave_behind::Leaver;
  using leave_behind::Left;
  std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.empty()) {
    std::cerr << "leave_behind: name a backend\n";
    return 2;
  }
  auto pool = alkaid::CreateMemoryPool(arguments[0]);
  leave_behind::Require(pool.status());
  // Never destroyed, since some of its blocks stay.
  alkaid::MemoryPool* const blocks_of = pool->release();

  std::vector<Leaver> leavers = {{"LeaveAllocated", &leave_behind::LeaveAllocated},
                                 {"LeaveReallocated", &leave_behind::LeaveReallocated},
                                 {"LeaveInThreads", &leave_behind::LeaveInThreads},
                                 {"LeaveBuilt", &leave_behind::LeaveBuilt},
                                 {"LeaveLabelled", &leave_behind::LeaveLabelled}};
  bool wait = false;
  double seconds = 0;
  for (size_t i = 1; i < arguments.size(); ++i) {
    if (arguments[i] == "--one-more") {
      leavers.push_back({"LeaveOneMore", &leave_behind::LeaveOneMore});
    } else if (arguments[i] == "--odd-label") {
      leavers.push_back({"LeaveOddlyLabelled", &leave_behind::LeaveOddlyLabelled});
    } else if (arguments[i] == "--refused") {
      leavers.push_back({"LeaveNothingWhenRefused", &leave_behind::LeaveNothingWhenRefused});
    } else if (arguments[i] == "--wait") {
      wait = true;
    } else if (arguments[i] == "--for" && i + 1 < arguments.size()) {
      seconds = std::strtod(arguments[++i].c_str(), nullptr);
    } else {
      std::cerr << "leave_behind: not understood: " << arguments[i] << "\n";
      return 2;
    }
  }
  if (wait) leave_behind::WaitForLine("ready");
  for (const Leaver& leaver : leavers) {
    const Left left = leaver.leave(blocks_of);
    std::cout << leaver.name << " " << left.blocks << " " << left.bytes << "\n";
  }
  leave_behind::LeaveNothingFor(blocks_of, std::chrono::duration<double>(seconds));
  if (wait) leave_behind::WaitForLine("done");
  return 0;
}
