#include <algorithm>
#include <bit>

#include "alkaid/heap/reports/block_index_internal.h"

namespace alkaid::heap {
namespace {

uint64_t SizeOf(const HeapBlock& block) { return static_cast<uint64_t>(block.size); }

}  // namespace

BlockIndex::BlockIndex(const std::vector<HeapBlock>& blocks)
    : blocks_(blocks),
      low_(blocks.empty() ? 0 : blocks.front().address),
      range_(blocks.empty() ? 0 : blocks.back().address - low_ + SizeOf(blocks.back())),
      places_(std::bit_ceil(2 * blocks.size() + 2), kNone) {
  for (uint32_t i = 0; i < blocks.size(); ++i) places_[PlaceOf(blocks[i].address)] = i;
}

bool BlockIndex::Contains(uint64_t address) {
  if (!MayHold(address)) return false;
  if (At(address) != kNone) return true;
  const auto after = std::upper_bound(
      blocks_.begin(), blocks_.end(), address,
      [](uint64_t wanted, const HeapBlock& block) { return wanted < block.address; });
  if (after == blocks_.begin()) return false;
  const HeapBlock& last = *std::prev(after);
  return address - last.address < SizeOf(last);
}

const HeapModule* LoadedModuleAt(const std::vector<HeapModule>& modules, uint64_t address) {
  if (address >= kUnloadedModules) return nullptr;
  const auto after = std::upper_bound(
      modules.begin(), modules.end(), address,
      [](uint64_t wanted, const HeapModule& module) { return wanted < module.start; });
  if (after == modules.begin() || address >= std::prev(after)->end) return nullptr;
  return &*std::prev(after);
}

}  // namespace alkaid::heap
