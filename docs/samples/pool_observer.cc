// An observer of memory events.
#include <alkaid/core/memory.h>

#include <atomic>
#include <iostream>

class Largest final : public alkaid::MemoryObserver {
 public:
  void OnAllocate(alkaid::MemoryPool*, const void*, int64_t size, int64_t) override {
    int64_t seen = largest_.load();
    while (seen < size && !largest_.compare_exchange_weak(seen, size)) {
    }
  }
  int64_t largest() const { return largest_; }

 private:
  std::atomic<int64_t> largest_{0};
};

int main() {
  Largest observer;
  alkaid::AddMemoryObserver(&observer);
  { auto buffer = alkaid::AllocateBuffer(4096); }
  { auto buffer = alkaid::AllocateBuffer(1 << 20); }
  alkaid::RemoveMemoryObserver(&observer);
  std::cout << "largest allocation: " << observer.largest() << " bytes\n";
}
