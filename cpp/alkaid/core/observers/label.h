// Label: a name that allocations carry, so that memory can be told apart by what it is for.
//
//   ScopedLabel label("dgram.batch");   // what this thread allocates until the end of the scope
//
// A block gets its label at its (re)allocation, from the first of these that has one: the builder
// (BufferBuilder::SetLabel), the innermost ScopedLabel, the pool (LabelledMemoryPool); else it has
// none. Labels reach observers (Label::Current), tracepoints, counters per label and heap
// snapshots. By convention they are dotted, broad to narrow.
//
// Names are interned: equal names are one label, and its text lives as long as the library. Both
// are therefore bounded, and all names together take at most 16 MiB:
//   - a name has at most kMaxNameSize bytes. A longer one is cut between two characters of UTF-8;
//     names that are cut to the same text are one label.
//   - there are at most kMaxLabels. Further names all get kOverflowName; each costs a search and
//     takes no memory. Existing labels go on as before. So use labels for kinds of memory, not for
//     single objects.
//
// Ownership: none; a Label is a number. Threads: Intern from any thread, under a lock; a scope
// belongs to its thread and ends on it. Out of memory: Intern returns the label kOverflowName.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "alkaid/base/export.h"

namespace alkaid {

class Label;

namespace internal {

// The names by id, and their number; index 0 is "". Debuggers read them
// (heap/tracking/heap_layout.h).
struct LabelNames {
  std::atomic<const char*>* names;
  std::atomic<uint32_t>* count;
};
ALKAID_EXPORT LabelNames AllLabelNames();

// The id of the calling thread's label. 4 bytes of static TLS.
ALKAID_EXPORT extern constinit thread_local uint32_t current_label
    __attribute__((tls_model("initial-exec")));

}  // namespace internal

class ALKAID_EXPORT Label {
 public:
  static constexpr uint32_t kMaxLabels = 65536;
  static constexpr size_t kMaxNameSize = 255;  // bytes
  static constexpr char kOverflowName[] = "(more labels)";

  // No label; its name is "".
  constexpr Label() = default;
  // The label of this name, which ends at its first zero byte and is cut to kMaxNameSize. Takes a
  // lock: keep a label that is used often in a static.
  static Label Intern(std::string_view name);
  // The label that the calling thread's allocations get now.
  static Label Current() { return Label(internal::current_label); }

  uint32_t id() const { return id_; }
  // Never null.
  const char* name() const;
  explicit operator bool() const { return id_ != 0; }
  friend bool operator==(const Label&, const Label&) = default;

 private:
  friend class ScopedLabel;
  friend class ScopedDefaultLabel;
  constexpr explicit Label(uint32_t id) : id_(id) {}

  uint32_t id_ = 0;
};

// From here to the end of the scope, the label of what the calling thread allocates.
class ScopedLabel {
 public:
  explicit ScopedLabel(Label label) : outer_(internal::current_label) {
    internal::current_label = label.id();
  }
  explicit ScopedLabel(std::string_view name) : ScopedLabel(Label::Intern(name)) {}
  ~ScopedLabel() { internal::current_label = outer_; }
  ScopedLabel(const ScopedLabel&) = delete;
  ScopedLabel& operator=(const ScopedLabel&) = delete;

 private:
  uint32_t outer_;
};

// As ScopedLabel, unless a label already applies: for libraries, whose users' labels say more.
class ScopedDefaultLabel {
 public:
  explicit ScopedDefaultLabel(Label label) : outer_(internal::current_label) {
    if (outer_ == 0) internal::current_label = label.id();
  }
  ~ScopedDefaultLabel() { internal::current_label = outer_; }
  ScopedDefaultLabel(const ScopedDefaultLabel&) = delete;
  ScopedDefaultLabel& operator=(const ScopedDefaultLabel&) = delete;

 private:
  uint32_t outer_;
};

}  // namespace alkaid
