// SourceNotes: where the bytes of live roots came from, as readers told (core/source_note.h).
//
// A note is known by the address of its first byte. It goes when a root over that byte is released, or
// when a later note has one of its bytes: then its root went unseen.
//
// Ownership: one object, never destroyed; notes are copies. Threads: all functions, from any thread.
// Out of memory: a note that could not be kept is none; CopyTo throws std::bad_alloc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/fork_guard.h"
#include "alkaid/core/source_note.h"
#include "alkaid/profile/heap_snapshot.h"

namespace alkaid::profile {

class ALKAID_EXPORT SourceNotes {
 public:
  static SourceNotes& Get();

  void Add(const SourceNote& note) noexcept;
  // `size` bytes of a root from `data` on are released.
  void Release(const void* data, int64_t size) noexcept;
  void Clear() noexcept;
  // Adds all of them to the sources, by address, and to the times.
  void CopyTo(HeapContents* contents);

 private:
  struct Note {
    int64_t size;
    int64_t offset;
    std::string name;
    std::vector<HeapTime> times;
  };
  using Notes = std::map<uint64_t, Note>;

  // Those with a byte in [first, last), taken out under the lock, to be destroyed outside.
  Notes TakeOut(uint64_t first, uint64_t last);

  std::atomic<size_t> count_{0};  // so that a release without notes takes no lock
  alkaid::internal::ForkGuarded<std::mutex> lock_;
  Notes notes_;
};

}  // namespace alkaid::profile
