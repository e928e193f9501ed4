// The part of HeapTracker that watches views.

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/heap/tracking/clock_internal.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/source_notes_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {

// The root of a slice is alive, and so are its bytes, whoever made them and when. Its release takes
// the record out again, if the bytes were no pool's.
void HeapTracker::RecordUnknownRoot(const Buffer& root) {
  if (root.capacity() <= 0 || pool_.load(std::memory_order_relaxed) != nullptr ||
      sample_bytes_.load(std::memory_order_relaxed) != 0 || Tables().blocks.Holds(root.address())) {
    return;
  }
  LiveBlock block;
  block.address.store(root.address(), std::memory_order_relaxed);
  block.size = static_cast<uint64_t>(root.capacity());
  block.weight = block.size;
  block.birth_ns = MonotonicNanoseconds();
  block.stack = 0;
  block.label = 0;
  block.thread = ThreadId();
  block.pool = PoolIndex::kUnknown;
  block.flags = kUntracked;
  block.reserved = 0;
  Put(&block, /*fresh=*/true, 0);
}

void HeapTracker::OnSlice(const Buffer* slice, const Buffer* root, int64_t offset, int64_t size) {
  if (!on()) return;
  const InsideTracking inside;
  if (!inside.entered()) return;
  RecordUnknownRoot(*root);
  LiveView view;
  view.view.store(reinterpret_cast<uint64_t>(slice), std::memory_order_relaxed);
  view.root = reinterpret_cast<uint64_t>(root);
  view.data = root->address() + static_cast<uint64_t>(offset);
  view.size = static_cast<uint64_t>(size);
  view.root_data = root->address();
  view.root_size = static_cast<uint64_t>(root->capacity());
  view.birth_ns = MonotonicNanoseconds();
  view.stack = CallersStack(__builtin_return_address(0));
  view.thread = ThreadId();
  const PutResult result = Tables().views.Put(&view, [](uint32_t, const LiveView*) {});
  if (result == PutResult::kOutOfMemory) Root().lost.fetch_add(1, std::memory_order_relaxed);
}

void HeapTracker::OnSliceRelease(const Buffer* slice, const Buffer*) {
  if (!on()) return;
  LiveView view;
  Tables().views.Take(reinterpret_cast<uint64_t>(slice), &view, [](uint32_t, const LiveView&) {});
}

void HeapTracker::OnSourceNote(const SourceNote& note) {
  if (!on()) return;
  const InsideTracking inside;
  if (inside.entered()) SourceNotes::Get().Add(note);
}

void HeapTracker::ForgetSources(const void* data, int64_t size) {
  if (!watches_views()) return;
  const InsideTracking inside;
  SourceNotes::Get().Release(data, size);
}

void HeapTracker::OnRootRelease(const Buffer* root, const void* data, int64_t) {
  if (!on()) return;
  // Not its size: it may have been shrunk since its bytes were noted.
  ForgetSources(data, root->capacity());
  LiveBlock block;
  const auto address = reinterpret_cast<uint64_t>(data);
  if (Tables().blocks.Get(address, &block) && block.pool == PoolIndex::kUnknown) {
    Take(address, &block);
  }
}

}  // namespace alkaid::heap
