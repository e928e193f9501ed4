// A program with events, for the tests and measurements of `alkaid profile gate`: noisy like real
// ones, and with a leak if requested.
//
//   stamping_program EVENTS [LEAK_MB [SEED [END]]]
//
// Each event allocates blocks of random sizes, keeps some of them for random times, fills a cache
// that is emptied now and then, and stamps. It keeps LEAK_MB per event for ever. With a SEED of 0
// every run is different. END is how the program ends: exit (the default), fail, kill, vanish (by
// _exit), silent (without a stamp), echo (prints its stdin), malloc (keeps 4,000 bytes of malloc per
// event).

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "alkaid/core/memory.h"
#include "alkaid/growth/process_profile.h"

namespace {

using Block = std::unique_ptr<alkaid::Buffer>;

Block Touched(int64_t size) {
  Block block = alkaid::AllocateBuffer(size).value();
  std::memset(block->mutable_data(), 1, static_cast<size_t>(size));
  return block;
}

struct Kept {
  Block block;
  int until = 0;
};

class Workload {
 public:
  explicit Workload(uint64_t seed) : random_(seed) {}

  void Event(int number) {
    // Scratch memory of this event, from a pool and from malloc.
    const Block scratch = Touched(Between(10'000, 2'000'000));
    const std::vector<char> own(static_cast<size_t>(Between(10'000, 500'000)), 'x');
    const int more = Between(0, 4);
    for (int i = 0; i < more; ++i) {
      kept_.push_back({Touched(Between(1'000, 300'000)), number + Between(1, 12)});
    }
    std::erase_if(kept_, [number](const Kept& kept) { return kept.until <= number; });
    cache_.push_back(Touched(Between(20'000, 60'000)));
    if (cache_.size() > 24) cache_.clear();
  }

 private:
  int Between(int low, int high) {
    return low + static_cast<int>(random_() % static_cast<uint64_t>(high - low + 1));
  }

  std::mt19937_64 random_;
  std::vector<Kept> kept_;
  std::vector<Block> cache_;
};

void EchoInput() {
  char text[256];
  while (std::fgets(text, sizeof(text), stdin) != nullptr) std::fputs(text, stdout);
}

}  // namespace

int main(int count, char** arguments) {
  const int events = count > 1 ? std::atoi(arguments[1]) : 0;
  const auto leak = static_cast<int64_t>(1e6 * (count > 2 ? std::atof(arguments[2]) : 0));
  const uint64_t asked = count > 3 ? std::strtoull(arguments[3], nullptr, 10) : 1;
  const uint64_t seed = asked != 0 ? asked : std::random_device()();
  const std::string end = count > 4 ? arguments[4] : "exit";

  Workload workload(seed);
  std::vector<Block> leaked;
  std::vector<std::unique_ptr<char[]>> own;
  for (int event = 0; event < events; ++event) {
    workload.Event(event);
    if (leak > 0) leaked.push_back(Touched(leak));
    if (end == "malloc") own.push_back(std::make_unique<char[]>(4000));
    if (end != "silent") alkaid::growth::StampEvent();
  }
  std::printf("%d events\n", events);
  std::fprintf(stderr, "done\n");
  if (end == "echo") EchoInput();
  std::fflush(stdout);
  if (end == "kill") std::raise(SIGKILL);
  if (end == "vanish") ::_exit(0);
  // What is live at the end stays live: the profile tries to release memory after main.
  for (Block& block : leaked) static_cast<void>(block.release());
  for (auto& block : own) static_cast<void>(block.release());
  return end == "fail" ? 9 : 0;
}
