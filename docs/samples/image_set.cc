// A program that opens experiments and has never heard of Alkaid; heap-tutorial.md looks for its
// memory. Each line that it reads is a command: `load`, `drop` or `quit`.

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct Beam {
  double wavelength = 1.3;
};
struct Detector {
  double distance = 0.1;
};
struct Goniometer {
  double axis[3] = {1, 0, 0};
};
struct Scan {
  double oscillation = 0.1;
};

// Some images of a file, and the models that describe each.
class ImageSet {
 public:
  explicit ImageSet(std::vector<size_t> indices);
  ~ImageSet();

 private:
  std::vector<size_t> indices_;
  std::vector<std::shared_ptr<Beam>> beams_;
  std::vector<std::shared_ptr<Detector>> detectors_;
  std::vector<std::shared_ptr<Goniometer>> goniometers_;
  std::vector<std::shared_ptr<Scan>> scans_;
};

size_t NumberOfImages(const std::vector<size_t>& indices) {
  return *std::max_element(indices.begin(), indices.end()) + 1;
}

ImageSet::ImageSet(std::vector<size_t> indices)
    : indices_(std::move(indices)),
      beams_(NumberOfImages(indices_)),
      detectors_(NumberOfImages(indices_)),
      goniometers_(NumberOfImages(indices_)),
      scans_(NumberOfImages(indices_)) {
  for (const size_t index : indices_) {
    beams_[index] = std::make_shared<Beam>();
    detectors_[index] = std::make_shared<Detector>();
    goniometers_[index] = std::make_shared<Goniometer>();
    scans_[index] = std::make_shared<Scan>();
  }
}

ImageSet::~ImageSet() = default;

int main() {
  std::vector<std::unique_ptr<ImageSet>> experiments;
  experiments.reserve(16);
  std::printf("process %d\n", getpid());
  std::fflush(stdout);
  for (std::string command; std::getline(std::cin, command) && command != "quit";) {
    if (command == "load") experiments.push_back(std::make_unique<ImageSet>(std::vector{22244UL}));
    if (command == "drop" && !experiments.empty()) experiments.pop_back();
    std::printf("%zu experiments\n", experiments.size());
    std::fflush(stdout);
  }
  return 0;
}
