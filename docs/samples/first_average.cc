// The average of a detector's images over a run.
#include <alkaid/core/memory.h>
#include <alkaid/dgram.h>

#include <cstddef>
#include <iostream>
#include <string>
#include <vector>

using alkaid::Result;
using alkaid::Status;

struct Average {
  std::vector<double> sum;  // one for each pixel
  int events = 0;
};

Result<Average> Read(const std::string& path) {
  ALKAID_ASSIGN_OR_RAISE(auto reader, alkaid::dgram::BatchReader::Open(path));
  Average average;
  alkaid::dgram::FieldHandle tile;
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const alkaid::dgram::DgramBatch batch, reader->Next());
    if (batch.empty()) return average;  // the end
    for (const alkaid::dgram::Dgram& dgram : batch) {
      if (!dgram.is_l1_accept()) continue;  // an event
      // Where the field stands is looked up once for each Configure.
      if (tile.configuration() != dgram.configuration()) {
        ALKAID_ASSIGN_OR_RAISE(tile, dgram.configuration()->Find("camera", 0, "raw", "tile"));
      }
      ALKAID_ASSIGN_OR_RAISE(const auto field, alkaid::dgram::FindField(dgram, tile));
      ALKAID_ASSIGN_OR_RAISE(const auto image, field.Array<int16_t>());
      average.sum.resize(static_cast<size_t>(image.size()));
      for (int64_t i = 0; i < image.size(); ++i) {
        average.sum[static_cast<size_t>(i)] += image[i];
      }
      ++average.events;
    }
  }
}

int main(int argc, char** argv) {
  const auto average = Read(argc > 1 ? argv[1] : "run.xtc2");
  if (!average.ok()) {
    std::cerr << average.status().ToString() << "\n";
    return 1;
  }
  std::cout << average->events << " events of " << average->sum.size() << " pixels\n";
  for (size_t i = 0; i < 4 && i < average->sum.size(); ++i) {
    std::cout << "pixel " << i << ": " << average->sum[i] / average->events << "\n";
  }
}
