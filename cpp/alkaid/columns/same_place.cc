#include <algorithm>

#include "alkaid/columns/same_place_internal.h"

namespace alkaid::columns::internal {

using dgram::kShapeBytes;
using dgram::kXtcHeaderBytes;
using dgram::TypeId;
using dgram::Xtc;

bool SamePlace::Compare(const uint8_t* dgram, int64_t begin, int64_t end) {
  constexpr auto kChunk = static_cast<int64_t>(sizeof(Chunk));
  while (begin < end) {
    if (count_ == kMostCompared) return false;
    // The last chunk ends with the bytes, so that none after them are read.
    const int64_t offset = std::min(begin, end - kChunk);
    Compared& compared = compared_[count_++];
    std::array<uint8_t, sizeof(Chunk)> mask = {};
    for (int64_t i = begin - offset; i < kChunk; ++i) mask[static_cast<size_t>(i)] = 0xff;
    std::memcpy(&compared.mask, mask.data(), sizeof(Chunk));
    std::memcpy(&compared.wanted, dgram + offset, sizeof(Chunk));
    compared.offset = offset;
    begin = offset + kChunk;
  }
  return true;
}

void SamePlace::Learn(const dgram::Dgram& dgram, const dgram::ShapesData& data, int index,
                      const Cell& cell) {
  count_ = 0;
  const uint8_t* const bytes = dgram.data();
  // What is compared next begins here, if no byte that may differ comes first.
  int64_t begin = 16;
  for (int64_t at = dgram::kDgramHeaderBytes;;) {
    // All of it was checked by the walk, which came this far: Xtcs one in another are not followed.
    const Xtc around = Xtc::Read(bytes + at);
    if (around.type() != TypeId::kShapesData || at > data.offset()) break;
    const int64_t first = at + kXtcHeaderBytes;
    const Xtc a = Xtc::Read(bytes + first);
    const int64_t second = first + a.extent;
    if (second + kXtcHeaderBytes > at + around.extent) break;
    const Xtc b = Xtc::Read(bytes + second);
    if (second + b.extent != at + around.extent) break;
    const bool shapes_first = a.type() == TypeId::kShapes && b.type() == TypeId::kData;
    if (!shapes_first && !(a.type() == TypeId::kData && b.type() == TypeId::kShapes)) break;

    int64_t shapes = 0;  // bytes of them that place the field
    if (at == data.offset()) {
      const dgram::FieldLayout* const layout = data.names().layout();
      shapes = kShapeBytes * std::count_if(layout, layout + index + 1,
                                           [](dgram::FieldLayout l) { return l.rank != 0; });
    }
    const int64_t first_end = first + kXtcHeaderBytes + (shapes_first ? shapes : 0);
    const int64_t second_end = second + kXtcHeaderBytes + (shapes_first ? 0 : shapes);
    const bool in_one = first_end == second;
    if (!in_one && !Compare(bytes, begin, first_end)) break;
    if (!Compare(bytes, in_one ? begin : second, second_end)) break;
    if (at == data.offset()) {
      cell_ = cell;
      data_offset_ = cell.data - bytes;
      dgram_bytes_ = dgram.size();
      return;
    }
    begin = at = at + around.extent;
  }
  count_ = 0;
}

}  // namespace alkaid::columns::internal
