#include <algorithm>
#include <bit>

#include "alkaid/heap/tracking/mapped_memory_internal.h"
#include "alkaid/heap/tracking/python_places_internal.h"

namespace alkaid::heap {
namespace {

constexpr uint32_t kPlaces = 1 << 17;
constexpr uint64_t kTextBytes = uint64_t{8} << 20;

uint64_t HashOf(std::string_view file, std::string_view function, uint32_t line) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
  uint64_t hash = line * kFactor + file.size();
  for (const std::string_view text : {file, function}) {
    for (const char character : text) {
      hash = (std::rotl(hash, 23) ^ static_cast<uint8_t>(character)) * kFactor;
    }
  }
  return (hash ^ (hash >> 32)) | 1;
}

}  // namespace

bool PythonPlaces::Open() {
  if (texts_.load(std::memory_order_acquire) != nullptr) return true;
  constexpr size_t kRecordBytes = sizeof(TrackedPythonPlace) * kPlaces;
  char* const memory = static_cast<char*>(MapMemory(kRecordBytes + kTextBytes));
  if (memory == nullptr) return false;
  places_->store(reinterpret_cast<TrackedPythonPlace*>(memory), std::memory_order_release);
  count_->store(kPlaces, std::memory_order_release);
  texts_.store(memory + kRecordBytes, std::memory_order_release);
  return true;
}

const TrackedPythonPlace* PythonPlaces::Find(uint64_t key) const {
  const TrackedPythonPlace* const places = places_->load(std::memory_order_acquire);
  if (places == nullptr) return nullptr;
  for (uint32_t probe = 0; probe < kMaxProbes; ++probe) {
    const TrackedPythonPlace& place = places[(key + probe) % kPlaces];
    const uint64_t found = place.key.load(std::memory_order_acquire);
    if (found == key) return &place;
    if (found == 0) return nullptr;
  }
  return nullptr;
}

const TrackedPythonPlace* PythonPlaces::Add(uint64_t key, std::string_view file,
                                            std::string_view function, uint32_t line) {
  TrackedPythonPlace* const places = places_->load(std::memory_order_acquire);
  if (places == nullptr) return nullptr;
  file.remove_prefix(file.size() - std::min<size_t>(file.size(), kMaxPythonText));
  function = function.substr(0, kMaxPythonText);
  const TrackedPythonPlace* const of_line =
      Insert(HashOf(file, function, line), nullptr, line, file, function);
  if (of_line == nullptr) return nullptr;
  return Insert(key, of_line, line, file, function);
}

const TrackedPythonPlace* PythonPlaces::Insert(uint64_t key, const TrackedPythonPlace* stands_for,
                                               uint32_t line, std::string_view file,
                                               std::string_view function) {
  TrackedPythonPlace* const places = places_->load(std::memory_order_acquire);
  for (uint32_t probe = 0; probe < kMaxProbes; ++probe) {
    TrackedPythonPlace& place = places[(key + probe) % kPlaces];
    uint64_t found = place.key.load(std::memory_order_acquire);
    if (found == 0 && place.key.compare_exchange_strong(found, key)) {
      const char* const text = stands_for != nullptr
                                   ? stands_for->text.load(std::memory_order_acquire)
                                   : Keep(file, function);
      place.line = line;
      place.file_size = static_cast<uint16_t>(file.size());
      place.function_size = static_cast<uint16_t>(function.size());
      place.stands_for = NumberOf(stands_for != nullptr ? stands_for : &place);
      // Last: until then, and in a child that is forked before it, the place has no text.
      place.text.store(text, std::memory_order_release);
      return &place;
    }
    if (found == key) return &place;
  }
  return nullptr;
}

// Copies the file and then the function; null if there is no room.
const char* PythonPlaces::Keep(std::string_view file, std::string_view function) {
  const uint64_t size = file.size() + function.size();
  const uint64_t start = texts_used_.fetch_add(size, std::memory_order_relaxed);
  if (start + size > kTextBytes) return nullptr;
  char* const text = texts_.load(std::memory_order_acquire) + start;
  std::ranges::copy(function, std::ranges::copy(file, text).out);
  return text;
}

uint32_t PythonPlaces::NumberOf(const TrackedPythonPlace* place) const {
  return static_cast<uint32_t>(place - places_->load(std::memory_order_acquire));
}

uint64_t PythonPlaces::AddressOf(const TrackedPythonPlace* place) const {
  const bool whole = place->text.load(std::memory_order_acquire) != nullptr;
  const uint64_t number = whole ? place->stands_for : NumberOf(place);
  return kPythonPlaces + number * kPythonPlaceStride + 1;
}

}  // namespace alkaid::heap
