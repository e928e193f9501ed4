#include "alkaid/dgram/configuration.h"

#include <algorithm>
#include <bit>
#include <new>
#include <string>

#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/xtc_walk.h"

namespace alkaid::dgram {

Result<std::shared_ptr<const Configuration>> Configuration::FromDgram(const Dgram& configure) try {
  if (configure.service() != TransitionId::kConfigure) {
    return status::Invalid("datagram ", configure.index(), " at byte ", configure.offset(), " of ",
                           configure.source(), " is ", TransitionName(configure.service()),
                           ", not Configure");
  }
  std::vector<Names> all;
  XtcWalk walk(configure);
  while (walk.Next()) {
    if (walk.xtc().type() != TypeId::kNames) continue;
    Result<Names> names = Names::Parse(configure.data() + walk.offset(), walk.xtc().extent);
    if (!names.ok()) {
      internal::ThrowIfNoMemory(names.status());
      return internal::DgramFault(configure, walk.offset(),
                                  alkaid::internal::MessageOf(names.status()));
    }
    all.push_back(*std::move(names));
  }
  ALKAID_RETURN_NOT_OK(walk.status());
  return std::shared_ptr<const Configuration>(new Configuration(std::move(all)));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<const Configuration>> Configuration::FromNames(
    std::vector<Names> names) try {
  std::shared_ptr<const Configuration> made(new Configuration(std::move(names)));
  // Of two with one id the later is found.
  for (const Names& one : made->names()) {
    const Names* const found = made->Find(one.id());
    if (found == &one) continue;
    return status::AlreadyExists("NamesId ", found->id().ToString(), " of ", found->ToString(),
                                 " is that of ", one.ToString());
  }
  return made;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<std::shared_ptr<const Configuration>> Configuration::With(const Names& more) const try {
  ALKAID_RETURN_NOT_OK(CheckNew(more));
  std::shared_ptr<Configuration> copy = Copy();
  copy->Append(more);
  return std::shared_ptr<const Configuration>(std::move(copy));
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status Configuration::CheckNew(const Names& more) const {
  const Names* const there = Find(more.id());
  if (there == nullptr) return absl::OkStatus();
  return status::AlreadyExists("NamesId ", more.id().ToString(), " of ", more.ToString(),
                               " is that of ", there->ToString());
}

std::shared_ptr<Configuration> Configuration::Copy() const {
  std::vector<Names> names;
  names.reserve(names_.size() + 1);
  names = names_;
  std::shared_ptr<Configuration> copy(new Configuration(std::move(names)));
  copy->Reserve();
  return copy;
}

void Configuration::Reserve() {
  const size_t more = names_.size() + 1;
  if (more > names_.capacity()) names_.reserve(2 * more);
  if (2 * more > slots_.size()) Index(std::bit_ceil(2 * more));
}

void Configuration::Append(const Names& more) noexcept {
  names_.push_back(more);
  AddSlot(names_.size() - 1);
}

Configuration::Configuration(std::vector<Names> names) : names_(std::move(names)) {
  if (!names_.empty()) Index(std::bit_ceil(names_.size() * 2));
}

void Configuration::Index(size_t slots) {
  slots_ = std::vector<Slot>(slots);
  mask_ = static_cast<uint32_t>(slots - 1);
  shift_ = 32 - std::countr_zero(slots);
  for (size_t i = 0; i < names_.size(); ++i) AddSlot(i);
}

void Configuration::AddSlot(size_t index) {
  const uint32_t key = names_[index].id().key();
  uint32_t slot = HomeOf(key);
  while (slots_[slot & mask_].index >= 0 && slots_[slot & mask_].key != key) ++slot;
  slots_[slot & mask_] = {key, static_cast<int32_t>(index)};
}

bool Configuration::DeclaresTheSame(const Configuration& other) const {
  return this == &other || names_ == other.names_;
}

std::vector<const Names*> Configuration::Find(std::string_view detector, uint32_t segment,
                                              std::string_view algorithm) const {
  std::vector<const Names*> found;
  for (const Names& names : names_) {
    if (names.detector() == detector && names.segment() == segment &&
        names.algorithm().name == algorithm && Find(names.id()) == &names) {
      found.push_back(&names);
    }
  }
  return found;
}

Result<FieldHandle> Configuration::Find(std::string_view detector, uint32_t segment,
                                        std::string_view algorithm, std::string_view field) const
    try {
  FieldHandle handle;
  const std::vector<const Names*> candidates = Find(detector, segment, algorithm);
  for (const Names* names : candidates) {
    const int index = names->FieldIndex(field);
    if (index >= 0) handle.places_.push_back({names->id(), index});
  }
  if (handle.places_.empty()) {
    const bool detector_known = std::any_of(
        names_.begin(), names_.end(), [&](const Names& n) { return n.detector() == detector; });
    const char* const how_far = !candidates.empty() ? "has no field of that name"
                                : detector_known
                                    ? "is not declared, though other parts of the detector are"
                                    : "is not declared, nor anything of that detector";
    return status::KeyError("field \"", std::string(field), "\" of ", std::string(detector), "/",
                            segment, "/", std::string(algorithm), ": ", std::string(detector), "/",
                            segment, "/", std::string(algorithm), " ", how_far);
  }
  handle.configuration_ = shared_from_this();
  return handle;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

}  // namespace alkaid::dgram
