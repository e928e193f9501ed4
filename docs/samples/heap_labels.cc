// What is live, by label.
#include <alkaid/core/memory.h>
#include <alkaid/heap/tracking/tracking.h>

#include <cstdio>
#include <memory>
#include <vector>

int main() {
  if (!alkaid::heap::StartTracking().ok()) return 1;

  std::vector<std::shared_ptr<alkaid::Buffer>> cache;
  for (int event = 0; event < 3; ++event) {
    const alkaid::ScopedLabel label("calibration");
    cache.push_back(alkaid::AllocateBuffer(1 << 20).value());
    auto scratch = alkaid::AllocateBuffer(4096);  // gone at the end of the event
  }
  auto plain = alkaid::AllocateBuffer(100);

  for (const auto& label : alkaid::heap::GetLabelStatistics()) {
    std::printf("'%s': %lld bytes live in %lld blocks, %lld bytes in %lld blocks ever\n",
                label.label.c_str(), static_cast<long long>(label.live_bytes),
                static_cast<long long>(label.live_blocks),
                static_cast<long long>(label.total_bytes),
                static_cast<long long>(label.total_blocks));
  }
}
