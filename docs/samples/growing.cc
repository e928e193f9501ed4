// A reader of made-up events that grows in the way that its argument says: see docs/growth.md.

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "alkaid/core/memory.h"
#include "alkaid/growth/process_profile.h"

namespace {

constexpr int64_t kBatchSize = 1'000'000;

using Batch = std::shared_ptr<alkaid::Buffer>;

Batch ReadBatch(int64_t size = kBatchSize) {
  std::shared_ptr<alkaid::Buffer> batch = alkaid::AllocateBuffer(size).value();
  std::memset(batch->mutable_data(), 1, static_cast<size_t>(size));
  return batch;
}

class Reader {
 public:
  explicit Reader(std::string_view how) : how_(how) {
    for (int i = 0; how_ == "fragments" && i < 20; ++i) whole_.push_back(ReadBatch(2 * kBatchSize));
  }

  int events() const { return how_ == "fragments" || how_ == "cache" ? 20 : 100; }

  void Event(int number) {
    const Batch batch = ReadBatch();
    if (how_ == "leak") kept_.push_back(batch);
    if (how_ == "views") kept_.push_back(alkaid::SliceBuffer(batch, 64, 1000));
    if (how_ == "malloc") elsewhere_.emplace_back(kBatchSize, 'x');
    if (how_ == "levels-off" && number < 40) kept_.push_back(batch);
    if (how_ == "cache") Burst(number);
    if (how_ == "fragments") Split(number);
  }

 private:
  // Needs more in each event, and gives all of it back.
  static void Burst(int number) {
    std::vector<Batch> batches;
    for (int i = 0; i <= number; ++i) batches.push_back(ReadBatch());
  }

  // Drops a batch for as many bytes of small pieces. For each piece that stays three were there
  // for a while; the pieces of the next event are larger than the gaps.
  void Split(int number) {
    whole_.pop_back();
    const int64_t size = 64 * (number + 2);
    std::vector<Batch> pieces;
    for (int64_t i = 0; i < 8 * kBatchSize / size; ++i) pieces.push_back(ReadBatch(size));
    for (size_t i = 0; i < pieces.size(); i += 4) kept_.push_back(pieces[i]);
  }

  const std::string_view how_;
  std::vector<Batch> whole_;
  std::vector<Batch> kept_;
  std::vector<std::vector<char>> elsewhere_;
};

}  // namespace

int main(int argc, char** argv) {
  Reader reader(argc > 1 ? argv[1] : "not at all");
  for (int number = 0; number < reader.events(); ++number) {
    reader.Event(number);
    alkaid::growth::StampEvent();
  }
  std::printf("%d events\n", reader.events());
}
