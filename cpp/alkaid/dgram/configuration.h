// Configuration: the declarations of a stream's fields, from a Configure datagram.
//
// Holds every Names of the datagram and finds them by NamesId, as the walk does, or by the names
// that people use: detector, segment, algorithm, field. A later Configure of the same stream makes
// another Configuration, which replaces this one for later datagrams; datagrams keep the one that
// they were read under.
//
// Ownership: shared_ptr; owns all its text, keeps no datagram.
// Threads: immutable, read from any thread.
// Out of memory: functions that return a Result return kResourceExhausted; the Find that returns a
// vector, and copies of a FieldHandle, throw std::bad_alloc. Nothing is changed then.
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

// The places where a named field is declared. Usually one; several where several NamesIds share
// detector, segment and algorithm, and a datagram carries the one that was filled. Keeps its
// Configuration, and is valid for datagrams read under it.
class ALKAID_EXPORT FieldHandle {
 public:
  struct Place {
    NamesId id;
    int field;
  };
  const std::shared_ptr<const Configuration>& configuration() const { return configuration_; }
  // In order of declaration; empty only in a default-constructed FieldHandle.
  const std::vector<Place>& places() const { return places_; }

  FieldHandle() = default;
  FieldHandle(const FieldHandle&) = default;
  FieldHandle(FieldHandle&&) noexcept = default;
  // Copies all of it; without memory nothing is changed.
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
  // Reads all Names of a Configure datagram (kInvalidArgument for another). kDataLoss, with file,
  // byte and datagram index, where the datagram or one of its Names is malformed. Of two Names with
  // one NamesId the last counts.
  static Result<std::shared_ptr<const Configuration>> FromDgram(const Dgram& configure);
  // From declarations made by the program. kAlreadyExists where two have one NamesId.
  static Result<std::shared_ptr<const Configuration>> FromNames(std::vector<Names> names);
  // These declarations followed by one more. kAlreadyExists where its NamesId is declared.
  Result<std::shared_ptr<const Configuration>> With(const Names& more) const;

  Configuration(const Configuration&) = delete;
  Configuration& operator=(const Configuration&) = delete;

  // In order of declaration.
  const std::vector<Names>& names() const { return names_; }
  // Whether both declare the same in the same order: then data read under one can be read under the
  // other. Compares all declarations, unless both are one object.
  bool DeclaresTheSame(const Configuration& other) const;

  // The declaration of `id`, or null. Costs a few ns: the walk calls it for every ShapesData.
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
  // A handle that finds the field in datagrams of this Configuration. kNotFound names what was
  // asked for, and how far it matched. Of fields of the same name in one Names it finds the first.
  Result<FieldHandle> Find(std::string_view detector, uint32_t segment, std::string_view algorithm,
                           std::string_view field) const;

 private:
  // May extend a Configuration that nobody else has seen yet.
  friend class DgramEdit;

  struct Slot {
    uint32_t key = 0;
    int32_t index = -1;
  };
  // kAlreadyExists where its NamesId is declared.
  Status CheckNew(const Names& more) const;
  // A copy of these declarations, with room for one more.
  std::shared_ptr<Configuration> Copy() const;
  // Makes room for one more declaration. n calls in a row, each with its Append, take time in
  // proportion to n.
  void Reserve();
  // Adds a declaration at the end; its NamesId must be new. Needs no memory after Reserve.
  void Append(const Names& more) noexcept;
  void Index(size_t slots);
  void AddSlot(size_t index);
  explicit Configuration(std::vector<Names> names);
  uint32_t HomeOf(uint32_t key) const { return (key * 0x9e3779b9U) >> shift_; }

  std::vector<Names> names_;
  // Open addressing, at most half full, with a power of two of slots: a free slot always ends a
  // search.
  std::vector<Slot> slots_;
  uint32_t mask_ = 0;
  int shift_ = 0;
};

}  // namespace alkaid::dgram
