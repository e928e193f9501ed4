#include "alkaid/dgram/watched_view.h"

#include <new>
#include <utility>

#include "alkaid/core/observers/source_note.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/source_times.h"

namespace alkaid::dgram::internal {
namespace {

// What a watched reference keeps; its type distinguishes watched references from others.
struct Watched {
  std::shared_ptr<const void> keeper;
  std::shared_ptr<Buffer> bytes;

  // The last reference is gone; weak ones may keep the control block.
  void operator()(const void* /*kept*/) noexcept {
    bytes.reset();
    keeper.reset();
  }
};

}  // namespace

std::shared_ptr<const void> WatchBytes(const std::shared_ptr<const void>& keeper,
                                       const std::shared_ptr<Buffer>& buffer, const uint8_t* data,
                                       int64_t size) noexcept {
  try {
    const auto* const watched = std::get_deleter<Watched>(keeper);
    const std::shared_ptr<const void>& plain = watched != nullptr ? watched->keeper : keeper;
    auto bytes = SliceBuffer(buffer, data - buffer->data(), size);
    return std::shared_ptr<const void>(plain.get(), Watched{plain, std::move(bytes)});
  } catch (const std::bad_alloc&) {
    return keeper;
  }
}

void TellSourceOf(const DgramOrigin& origin, const uint8_t* begin, int64_t nbytes) noexcept {
  try {
    SourceTimes times;
    for (int64_t at = 0; nbytes - at >= kDgramHeaderBytes;) {
      const int64_t size = DgramHeader::SizeOf(begin + at);
      if (size < kDgramHeaderBytes || size > nbytes - at) break;
      times.Add(at, Timestamp(LoadUnaligned<uint64_t>(begin + at)));
      at += size;
    }
    const int64_t offset = origin.buffer_offset + (begin - origin.buffer->data());
    alkaid::internal::NotifySourceNote({begin, nbytes, origin.source, offset, times.marks()});
  } catch (const std::bad_alloc&) {
    // The report then names no source.
  }
}

}  // namespace alkaid::dgram::internal
