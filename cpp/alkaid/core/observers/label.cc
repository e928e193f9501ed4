#include "alkaid/core/observers/label.h"

#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>

#include "alkaid/base/fork_guard_internal.h"

namespace alkaid {
namespace internal {

constinit thread_local uint32_t current_label __attribute__((tls_model("initial-exec"))) = 0;

namespace {

// Index 0 is no label; index 1 is the label of every name that comes when the table is full.
constexpr uint32_t kOverflow = 1;
constinit std::atomic<const char*> label_names[Label::kMaxLabels] = {};
constinit std::atomic<uint32_t> label_count{2};

// Not a static initialiser, which would add half a megabyte of zeros to the library. Runs before
// all other constructors.
[[gnu::constructor(101)]] void NameTheFirstLabels() {
  label_names[0].store("", std::memory_order_relaxed);
  label_names[kOverflow].store(Label::kOverflowName, std::memory_order_relaxed);
}

struct LabelIds {
  ForkGuarded<std::mutex> lock;
  std::unordered_map<std::string_view, uint32_t> ids = {{"", 0}, {Label::kOverflowName, kOverflow}};

  static LabelIds& Get() {
    static LabelIds* const ids = new LabelIds;  // never destroyed
    return *ids;
  }
};

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { LabelIds::Get(); }

// The part of the name that a label keeps. Reads no more than that: a text may be of any size.
std::string_view KeptPart(std::string_view name) {
  const auto is_within_character = [&name](size_t at) {
    return (static_cast<unsigned char>(name[at]) & 0xc0) == 0x80;
  };
  size_t kept = name.size();
  if (kept > Label::kMaxNameSize) {
    // A character has at most four bytes, and its first byte is not a continuation byte.
    kept = Label::kMaxNameSize;
    while (kept > Label::kMaxNameSize - 3 && is_within_character(kept)) --kept;
    if (is_within_character(kept)) kept = Label::kMaxNameSize;  // this is no UTF-8
  }
  name = name.substr(0, kept);
  return name.substr(0, name.find('\0'));
}

// Searches the labels that exist, without the lock; 0 if the name is new.
uint32_t FindName(std::string_view name) {
  for (uint32_t id = label_count.load(std::memory_order_acquire); id-- > 1;) {
    if (label_names[id].load(std::memory_order_relaxed) == name) return id;
  }
  return 0;
}

uint32_t InternName(std::string_view name) {
  LabelIds& labels = LabelIds::Get();
  if (!labels.lock.LockUnlessForking()) {
    const uint32_t known = name.empty() ? 0 : FindName(name);
    if (known != 0 || name.empty()) return known;
    labels.lock.lock();  // a new one waits for the fork
  }
  const std::lock_guard guard(labels.lock, std::adopt_lock);
  if (const auto known = labels.ids.find(name); known != labels.ids.end()) return known->second;
  const uint32_t id = label_count.load(std::memory_order_relaxed);
  if (id == Label::kMaxLabels) return kOverflow;
  char* const text = new char[name.size() + 1];  // never freed
  std::memcpy(text, name.data(), name.size());
  text[name.size()] = '\0';
  try {
    labels.ids.emplace(std::string_view(text, name.size()), id);
  } catch (const std::bad_alloc&) {
    delete[] text;
    throw;
  }
  label_names[id].store(text, std::memory_order_release);
  label_count.store(id + 1, std::memory_order_release);
  return id;
}

}  // namespace

LabelNames AllLabelNames() { return {label_names, &label_count}; }

}  // namespace internal

Label Label::Intern(std::string_view name) try {
  return Label(internal::InternName(internal::KeptPart(name)));
} catch (const std::bad_alloc&) {
  return Label(internal::kOverflow);
}

const char* Label::name() const {
  return internal::label_names[id_].load(std::memory_order_acquire);
}

}  // namespace alkaid
