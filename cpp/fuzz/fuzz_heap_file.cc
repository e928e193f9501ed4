// Any bytes, as a heap file; and the same with matching checksums, so that the code after these
// checks is reached. A file that can be read must be consistent: every stack trace inside, and its
// difference from nothing.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "alkaid/heap/reports/heap_diff.h"
#include "alkaid/heap/reports/heap_file.h"

namespace {

using alkaid::heap::HeapBlock;
using alkaid::heap::HeapSnapshot;

template <typename T>
T Get(const std::string& bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(value));
  return value;
}

template <typename T>
void Put(std::string* bytes, size_t offset, T value) {
  std::memcpy(bytes->data() + offset, &value, sizeof(value));
}

// The CRC of zlib, bit by bit.
uint32_t Checksum(const std::string& bytes, size_t offset, size_t size) {
  uint32_t crc = ~uint32_t{0};
  for (size_t i = offset; i < offset + size; ++i) {
    crc ^= static_cast<uint8_t>(bytes[i]);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

// Sets the checksums. The offsets are those of docs/heap-file.md.
bool Mend(std::string* bytes) {
  if (bytes->size() < 40) return false;
  Put(bytes, 16, uint64_t{bytes->size()});
  const uint64_t header = Get<uint32_t>(*bytes, 12);
  const uint64_t count = Get<uint32_t>(*bytes, 24);
  const uint64_t entry = Get<uint32_t>(*bytes, 28);
  if (count > 64 || entry < 32 || header < 40 || header + count * entry > bytes->size()) {
    return false;
  }
  for (uint64_t i = 0; i < count; ++i) {
    const size_t at = header + i * entry;
    const auto offset = Get<uint64_t>(*bytes, at + 8);
    const auto size = Get<uint64_t>(*bytes, at + 16);
    if (offset > bytes->size() || size > bytes->size() - offset) continue;
    Put(bytes, at + 24, Checksum(*bytes, offset, size));
  }
  Put(bytes, 32, uint32_t{0});
  Put(bytes, 32, Checksum(*bytes, 0, header + count * entry));
  return true;
}

void Parse(const std::string& bytes) {
  const auto snapshot =
      alkaid::heap::ParseHeap(bytes.data(), static_cast<int64_t>(bytes.size()), "file");
  if (!snapshot.ok()) {
    if (snapshot.status().code() != alkaid::StatusCode::kDataLoss) std::abort();
    return;
  }
  for (const HeapBlock& block : snapshot->blocks()) {
    for (const uint64_t frame : snapshot->frames(block.stack)) {
      const auto* module = snapshot->ModuleOf(frame);
      if (module != nullptr && frame - module->start >= module->end - module->start) std::abort();
    }
    if (block.first_count() < 0 || block.first_count() > alkaid::heap::kFirstBytes) std::abort();
  }
  const alkaid::heap::HeapContents& contents = snapshot->contents();
  for (const auto& [block, category] : contents.recognized) {
    if (block >= contents.blocks.size() || category >= contents.categories.size()) std::abort();
  }
  const auto all = alkaid::heap::Diff(HeapSnapshot(), *snapshot);
  if (all.new_blocks.size() != snapshot->blocks().size() || !all.freed_blocks.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  Parse(bytes);
  if (Mend(&bytes)) Parse(bytes);
  return 0;
}
