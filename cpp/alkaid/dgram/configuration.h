// Configuration: what the fields of a stream look like, from a Configure datagram.
//
// Holds every Names of the datagram and finds them by NamesId, as the walk does, or by what people
// call a field: detector, segment, algorithm, name. A later Configure of the same stream makes
// another Configuration, which replaces this one for what follows; datagrams keep the one that they
// were read under.
//
// Ownership: shared_ptr; owns all its text, keeps no datagram.
// Threads: immutable, read from any thread.
// Out of memory: what answers with a Result says kResourceExhausted; the Find that answers with a
// list, and copies of a FieldHandle, throw std::bad_alloc. Nothing is changed then.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/names.h"

namespace alkaid::dgram {

class Configuration;
class Dgram;
class DgramEdit;

// Where a named field is declared. Usually one place; several when several NamesIds share detector,
// segment and algorithm, of which a datagram carries whichever was filled. Keeps its Configuration,
// and is good for datagrams read under it.
class ALKAID_EXPORT FieldHandle {
 public:
  struct Place {
    NamesId id;
    int field;
  };
  const std::shared_ptr<const Configuration>& configuration() const { return configuration_; }
  // In order of declaration; not empty but in a FieldHandle made by default.
  const std::vector<Place>& places() const { return places_; }

  FieldHandle() = default;
  FieldHandle(const FieldHandle&) = default;
  FieldHandle(FieldHandle&&) noexcept = default;
  // All of it or, where there is no memory, nothing.
  FieldHandle& operator=(const FieldHandle& other) { return *this = FieldHandle(other); }
  FieldHandle& operator=(FieldHandle&&) noexcept = default;
  ~FieldHandle() = default;

 private:
  friend class Configuration;
  std::shared_ptr<const Configuration> configuration_;
  std::vector<Place> places_;
};

class ALKAID_EXPORT Configuration : public std::enable_shared_from_this<Configuration> {
 public:
  // Reads all Names of a datagram, which must be a Configure (else kInvalidArgument). kDataLoss,
  // with file, byte and datagram index, where the datagram or one of its Names is malformed. Of two
  // Names with one NamesId, the last counts.
  static Result<std::shared_ptr<const Configuration>> FromDgram(const Dgram& configure);
  // From declarations made by the program. kAlreadyExists for two of one NamesId.
  static Result<std::shared_ptr<const Configuration>> FromNames(std::vector<Names> names);
  // These declarations and one more behind them. kAlreadyExists where its NamesId is declared.
  Result<std::shared_ptr<const Configuration>> With(const Names& more) const;

  Configuration(const Configuration&) = delete;
  Configuration& operator=(const Configuration&) = delete;

  // In order of declaration.
  const std::vector<Names>& names() const { return names_; }
  // Whether the same is declared in the same order: data read under one are read under the other.
  // Takes as long as all declarations do, unless they are one object.
  bool DeclaresTheSame(const Configuration& other) const;

  // The declaration of `id`, or null. Costs a few ns: the walk asks this for every ShapesData.
  const Names* Find(NamesId id) const {
    if (slots_.empty()) return nullptr;
    for (uint32_t slot = HomeOf(id.key());; ++slot) {
      const Slot& entry = slots_[slot & mask_];
      if (entry.index < 0) return nullptr;
      if (entry.key == id.key()) return &names_[static_cast<size_t>(entry.index)];
    }
  }

  // All declarations of that detector, segment and algorithm, in order; empty where there is none.
  std::vector<const Names*> Find(std::string_view detector, uint32_t segment,
                                 std::string_view algorithm) const;
  // A handle with which datagrams of this Configuration find the field. kNotFound names what was
  // asked, and how far it matched. Of fields of the same name in one Names, the first.
  Result<FieldHandle> Find(std::string_view detector, uint32_t segment, std::string_view algorithm,
                           std::string_view field) const;

 private:
  // Extends the one that nobody else has seen yet.
  friend class DgramEdit;

  struct Slot {
    uint32_t key = 0;
    int32_t index = -1;
  };
  // kAlreadyExists where its NamesId is declared.
  Status CheckNew(const Names& more) const;
  // These declarations, with room for one more.
  std::shared_ptr<Configuration> Copy() const;
  // Takes memory for one more. Of n calls in a row, each with its Append, all take as long as n.
  void Reserve();
  // One more after them, of a NamesId that is not declared. Needs no memory after Reserve.
  void Append(const Names& more) noexcept;
  void Index(size_t slots);
  void AddSlot(size_t index);
  explicit Configuration(std::vector<Names> names);
  uint32_t HomeOf(uint32_t key) const { return (key * 0x9e3779b9U) >> shift_; }

  std::vector<Names> names_;
  // Open addressing, at most half full, a power of two long: there is always a free slot to stop
  // at.
  std::vector<Slot> slots_;
  uint32_t mask_ = 0;
  int shift_ = 0;
};

}  // namespace alkaid::dgram
