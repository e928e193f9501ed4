#include <algorithm>

#include "alkaid/columns/same_place_internal.h"

namespace alkaid::columns::internal {

using dgram::kShapeBytes;
using dgram::kXtcHeaderBytes;
using dgram::TypeId;
using dgram::Xtc;

template <typename Same>
int64_t SamePlace::Count(const uint8_t* at, const uint8_t* end, ServiceOf service,
                         const Same& same) const {
  // One mask for both cases, so that the loop has one path.
  const uint8_t mask = service == ServiceOf::kL1Accepts ? 0x0f : 0;
  const uint8_t wanted = static_cast<uint8_t>(dgram::TransitionId::kL1Accept) & mask;
  const int64_t most = (end - at) / dgram_bytes_;
  const uint8_t* const first = at;
  const uint8_t* const last = at + most * dgram_bytes_;
  while (at != last && (at[11] & mask) == wanted && same(at)) at += dgram_bytes_;
  return (at - first) / dgram_bytes_;
}

template <bool kMasked, size_t... I>
int64_t SamePlace::CountOf(std::index_sequence<I...> /*chunks*/, const uint8_t* at,
                           const uint8_t* end, ServiceOf service) const {
  const Chunk wanted[] = {compared_[I].wanted...};
  const Chunk mask[] = {compared_[I].mask...};
  const int64_t offset[] = {compared_[I].offset...};
  return Count(at, end, service, [&](const uint8_t* dgram) {
    Chunk differ = {};
    const auto compare = [&](size_t i) {
      Chunk there;
      std::memcpy(&there, dgram + offset[i], sizeof(there));
      differ |= kMasked ? (there ^ wanted[i]) & mask[i] : there ^ wanted[i];
    };
    (compare(I), ...);
    return (differ[0] | differ[1]) == 0;
  });
}

template <bool kMasked, size_t... N>
int64_t SamePlace::CountUpTo(std::index_sequence<N...> /*chunks*/, const uint8_t* at,
                             const uint8_t* end, ServiceOf service) const {
  int64_t count = 0;
  const auto count_of = [&]<size_t... I>(std::index_sequence<I...> chunks) {
    if (count_ != sizeof...(I)) return false;
    count = CountOf<kMasked>(chunks, at, end, service);
    return true;
  };
  (void)(count_of(std::make_index_sequence<N + 1>()) || ...);
  return count;
}

int64_t SamePlace::CountFrom(const uint8_t* at, const uint8_t* end, ServiceOf service) const {
  constexpr std::make_index_sequence<kMaxCompared> kAll;
  return masked_ ? CountUpTo<true>(kAll, at, end, service)
                 : CountUpTo<false>(kAll, at, end, service);
}

bool SamePlace::Compare(const uint8_t* dgram, int64_t begin, int64_t end) {
  constexpr auto kChunk = static_cast<int64_t>(sizeof(Chunk));
  for (int64_t next = begin; next < end;) {
    if (count_ == kMaxCompared) return false;
    // The last chunk ends where the bytes end, so that no byte past them is read.
    const int64_t offset = std::min(next, end - kChunk);
    Compared& compared = compared_[count_++];
    std::array<uint8_t, sizeof(Chunk)> mask = {};
    for (int64_t i = std::max<int64_t>(begin - offset, 0); i < kChunk; ++i) {
      mask[static_cast<size_t>(i)] = 0xff;
    }
    masked_ = masked_ || begin > offset;
    std::memcpy(&compared.mask, mask.data(), sizeof(Chunk));
    std::memcpy(&compared.wanted, dgram + offset, sizeof(Chunk));
    compared.offset = offset;
    next = offset + kChunk;
  }
  return true;
}

void SamePlace::Learn(const dgram::Dgram& dgram, const dgram::ShapesData& data, int index,
                      const Cell& cell) {
  count_ = 0;
  masked_ = false;
  const uint8_t* const bytes = dgram.data();
  // The next compared range begins here, unless a byte that may differ comes first.
  int64_t begin = 16;
  for (int64_t at = dgram::kDgramHeaderBytes;;) {
    // The walk came this far and checked all of it; nested Xtcs are not followed.
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

    int64_t shapes = 0;  // the bytes of shapes that determine the field's place
    if (at == data.offset()) {
      const dgram::FieldLayout* const layout = data.names().layout();
      shapes = kShapeBytes * std::count_if(layout, layout + index + 1,
                                           [](dgram::FieldLayout l) { return l.rank != 0; });
    }
    const int64_t first_end = first + kXtcHeaderBytes + (shapes_first ? shapes : 0);
    const int64_t second_end = second + kXtcHeaderBytes + (shapes_first ? 0 : shapes);
    const bool in_one = first_end == second;
    if (!in_one && !Compare(bytes, begin, first_end)) break;
    // The last word of Shapes hardly ever differs; with it the header fills a chunk.
    const int64_t second_begin = shapes_first ? second - 4 : second;
    if (!Compare(bytes, in_one ? begin : second_begin, second_end)) break;
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
