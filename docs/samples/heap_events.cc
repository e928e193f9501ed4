// What changed between two events.
#include <alkaid/core/memory.h>
#include <alkaid/heap/reports/heap_diff.h>
#include <alkaid/heap/reports/heap_file.h>
#include <alkaid/heap/reports/heap_snapshot.h>
#include <alkaid/heap/tracking/tracking.h>

#include <cstdio>
#include <memory>
#include <vector>

namespace heap = alkaid::heap;

// Keeps what it should have dropped.
struct Reader {
  void Event(int64_t hits) {
    const alkaid::ScopedLabel label("hits");
    kept.push_back(alkaid::AllocateBuffer(hits * 24).value());
    if (kept.size() > 2) kept.erase(kept.begin());
  }
  std::vector<std::shared_ptr<alkaid::Buffer>> kept;
};

int main() {
  if (!heap::StartTracking().ok()) return 1;
  Reader reader;
  reader.Event(3271);
  const auto before = heap::HeapSnapshot::Take("event 1");
  reader.Event(3300);
  reader.Event(3500);
  const auto after = heap::HeapSnapshot::Take("event 3");
  if (!before.ok() || !after.ok()) return 1;

  const heap::HeapDiff diff = heap::Diff(*before, *after);
  for (const auto& change : diff.by_label) {
    std::printf("'%s': %+lld bytes, %+lld blocks: %lld freed, %lld new\n", change.name.c_str(),
                static_cast<long long>(change.bytes()), static_cast<long long>(change.blocks()),
                static_cast<long long>(change.freed_blocks),
                static_cast<long long>(change.new_blocks));
  }
  // For `alkaid heap diff`, here or on another machine.
  if (!heap::WriteHeapFile(*before, "before.heap").ok()) return 1;
  if (!heap::WriteHeapFile(*after, "after.heap").ok()) return 1;
}
