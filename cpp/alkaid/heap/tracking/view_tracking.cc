// The part of HeapTracker that watches views.

#include <algorithm>

#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/heap/tracking/heap_tracker_internal.h"
#include "alkaid/heap/tracking/source_notes_internal.h"

namespace alkaid::heap {

// The root of a slice is alive, and so are its bytes, whatever allocated them. The record gets the
// label of the first slice. The release of the root removes it, unless a pool's event replaced it.
void HeapTracker::RecordUnknownRoot(const HeapEvent& slice) {
  if (slice.root_size == 0 || pool_.load(std::memory_order_relaxed) != nullptr ||
      sample_bytes_.load(std::memory_order_relaxed) != 0 ||
      Tables().blocks.Holds(slice.root_data)) {
    return;
  }
  LiveBlock block;
  block.address.store(slice.root_data, std::memory_order_relaxed);
  block.size = slice.root_size;
  block.weight = block.size;
  block.birth_ns = slice.time_ns;
  block.stack = 0;
  block.label = slice.label;
  block.thread = slice.thread;
  block.pool = PoolIndex::kUnknown;
  block.flags = kUntracked;
  block.reserved = 0;
  Put(&block, /*fresh=*/true, 0);
}

void HeapTracker::DidSlice(const HeapEvent& event) {
  RecordUnknownRoot(event);
  LiveView view;
  view.view.store(event.address, std::memory_order_relaxed);
  view.root = event.root;
  view.data = event.data;
  view.size = event.size;
  view.root_data = event.root_data;
  view.root_size = event.root_size;
  view.birth_ns = event.time_ns;
  view.stack = Tables().stacks.Intern(event.frames);
  view.thread = event.thread;
  const PutResult result = Tables().views.Put(&view, [](uint32_t, const LiveView*) {});
  if (result == PutResult::kOutOfMemory) Root().lost.fetch_add(1, std::memory_order_relaxed);
}

void HeapTracker::DidReleaseSlice(const HeapEvent& event) {
  LiveView view;
  Tables().views.Take(event.address, &view, [](uint32_t, const LiveView&) {});
}

void HeapTracker::ForgetSources(uint64_t address, uint64_t size) {
  if (!watches_views()) return;
  const InsideTracking inside;
  SourceNotes::Get().Release(reinterpret_cast<const void*>(address), static_cast<int64_t>(size));
}

void HeapTracker::DidReleaseRoot(const HeapEvent& event) {
  ForgetSources(event.address, event.size);
  LiveBlock block;
  if (Tables().blocks.Get(event.address, &block) && block.pool == PoolIndex::kUnknown) {
    Take(event.address, &block);
  }
}

void HeapTracker::OnSlice(const Buffer* slice, const Buffer* root, int64_t offset, int64_t size) {
  if (!on()) return;
  const InsideTracking inside;
  if (!inside.entered()) return;
  HeapEvent event = {.kind = HeapEvent::kSliced,
                     .label = Label::Current().id(),
                     .address = reinterpret_cast<uint64_t>(slice),
                     .size = static_cast<uint64_t>(size),
                     .root = reinterpret_cast<uint64_t>(root),
                     .data = root->address() + static_cast<uint64_t>(offset),
                     .root_data = root->address(),
                     .root_size = static_cast<uint64_t>(std::max<int64_t>(root->capacity(), 0))};
  HappenHere(&event, __builtin_return_address(0));
}

void HeapTracker::OnSliceRelease(const Buffer* slice, const Buffer*) {
  if (!on()) return;
  Happen({.kind = HeapEvent::kSliceReleased, .address = reinterpret_cast<uint64_t>(slice)});
}

// Bytes that are read while a fork holds the tables get no source.
void HeapTracker::OnSourceNote(const SourceNote& note) {
  if (!on()) return;
  const InsideTracking inside;
  if (!inside.entered()) return;
  ForkGate& gate = Tables().gate;
  const ForkGate::Way way = gate.Enter();
  if (way == ForkGate::Way::kTables) SourceNotes::Get().Add(note);
  gate.Leave(way);
}

void HeapTracker::OnRootRelease(const Buffer* root, const void* data, int64_t) {
  if (!on()) return;
  // The capacity, not the size: the buffer may have been shrunk since its bytes were noted.
  Happen({.kind = HeapEvent::kRootReleased,
          .address = reinterpret_cast<uint64_t>(data),
          .size = static_cast<uint64_t>(root->capacity())});
}

}  // namespace alkaid::heap
