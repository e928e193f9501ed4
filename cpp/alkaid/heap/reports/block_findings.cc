#include <utility>

#include "alkaid/heap/reports/block_findings_internal.h"

namespace alkaid::heap {

BlockFindings::BlockFindings(HeapContents* contents)
    : contents_(*contents), found_(contents->blocks.size()) {
  contents_.categories.clear();
  contents_.recognized.clear();
}

uint16_t BlockFindings::Add(std::string name) {
  if (contents_.categories.size() >= UINT16_MAX) return 0;
  contents_.categories.push_back(std::move(name));
  return static_cast<uint16_t>(contents_.categories.size());
}

void BlockFindings::SetOwned(uint32_t block, uint16_t* category, const char* name) {
  if (IsKnown(block)) return;
  if (*category == 0) *category = Add(name);
  found_[block] = *category;
}

void BlockFindings::Finish() {
  size_t count = 0;
  for (const uint16_t category : found_) count += category != 0 ? 1 : 0;
  contents_.recognized.reserve(count);
  for (size_t i = 0; i < found_.size(); ++i) {
    if (found_[i] == 0) continue;
    contents_.recognized.push_back({static_cast<uint32_t>(i), uint32_t{found_[i]} - 1});
  }
}

}  // namespace alkaid::heap
