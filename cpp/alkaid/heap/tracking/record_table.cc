#include "alkaid/heap/tracking/mapped_memory_internal.h"
#include "alkaid/heap/tracking/record_table_internal.h"

namespace alkaid::heap {
namespace {

size_t BytesOf(uint64_t capacity) {
  const uint64_t bytes = sizeof(RecordArray) + capacity * sizeof(LiveBlock);
  return (bytes + kPageSize - 1) / kPageSize * kPageSize;
}

}  // namespace

RecordArray* MapRecords(uint64_t capacity) {
  auto* const array = static_cast<RecordArray*>(MapMemory(BytesOf(capacity)));
  if (array == nullptr) return nullptr;
  array->capacity = capacity;
  array->header_size = sizeof(RecordArray);
  return array;
}

void ClearRecords(RecordArray* array) {
  // The first page stays: a thread that reads the array without a lock needs its header.
  auto* const words = reinterpret_cast<std::atomic<uint64_t>*>(array);
  constexpr size_t kWordsOfRecord = sizeof(LiveBlock) / sizeof(uint64_t);
  for (size_t i = kWordsOfRecord; i < kPageSize / sizeof(uint64_t); i += kWordsOfRecord) {
    words[i].store(kNeverUsed, std::memory_order_release);
  }
  const size_t bytes = BytesOf(array->capacity);
  if (bytes > kPageSize) ClearMemory(reinterpret_cast<char*>(array) + kPageSize, bytes - kPageSize);
}

}  // namespace alkaid::heap
