// DgramEdit: another version of a datagram: with data added, data removed, or another header.
//
//   ALKAID_ASSIGN_OR_RAISE(DgramEdit edit, DgramEdit::Make(configure));
//   ALKAID_ASSIGN_OR_RAISE(const Names fex, edit.AddDetector({.detector = "fex", ...}));
//   ALKAID_RETURN_NOT_OK(writer.Append(edit));
//   for (each datagram that follows) {
//     ALKAID_RETURN_NOT_OK(edit.Reset(dgram));
//     ALKAID_RETURN_NOT_OK(edit.RemoveData("camera", "raw"));
//     ALKAID_RETURN_NOT_OK(edit.AddData(fex, {FieldValue::Scalar<double>(energy)}));
//     ALKAID_RETURN_NOT_OK(writer.Append(edit));
//   }
//
// The datagram that is edited is never written to; changes are kept beside it and come together in
// Save, which gives the same bytes however often it is called. A call that fails changes nothing.
// Whatever is not removed is kept in its order and to the byte: Xtcs of unknown type, declarations
// outside a Configure, Parents in Parents (which get a smaller extent where something in them was
// removed). Additions stand behind the datagram's own payload.
//
// A datagram whose own damage says corrupted is not looked into: its header can be changed and the
// rest be saved as it is, and everything else is kFailedPrecondition. A Parent of that kind is kept
// whole. Where UpdateDamage takes that mark away, readers look at what nobody has looked at: then
// each Save checks the extents, and a Configure's declarations, and gives kFailedPrecondition for
// what readers would refuse. It takes a copy to do so.
//
// One editor serves a whole stream: after the first datagrams Reset, the edits and a Save into a
// caller's buffer allocate nothing.
//
// Ownership: holds its datagram, and so the bytes; batch and reader may go before it. The pool is
// borrowed.
// Threads: one at a time.
// Out of memory: kResourceExhausted, also where a stream that is saved to throws std::bad_alloc,
// and nothing is changed. Moving an editor, and what answers with no status, needs none.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/buffers/io_interfaces.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/detector_definition.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/field_value.h"
#include "alkaid/dgram/names.h"
#include "alkaid/dgram/names_id_set.h"
#include "alkaid/dgram/xtc.h"

namespace alkaid::dgram {

struct DgramEditOptions {
  // Bytes that all additions of one edit may take. Memory is taken as they come.
  int64_t room = int64_t{64} << 20;
  // Where the bytes of additions, and of what Save makes, come from; null: the default pool.
  MemoryPool* pool = nullptr;
  // Declares the fields, where that is another Configuration than the datagram was read under.
  std::shared_ptr<const Configuration> configuration = {};
};

class ALKAID_EXPORT DgramEdit {
 public:
  // kDataLoss where an Xtc's extent does not fit (XTC2, sections 6.1 and 6.2), or a Configure's
  // declarations are malformed. A Configure always declares its own.
  static Result<DgramEdit> Make(Dgram dgram, DgramEditOptions options = {});
  // A new datagram without payload.
  static Result<DgramEdit> Make(TransitionId service, Timestamp timestamp,
                                std::shared_ptr<const Configuration> configuration = nullptr,
                                DgramEditOptions options = {});
  // What was moved from holds no datagram: all but Reset is kFailedPrecondition or has no effect.
  DgramEdit(DgramEdit&& other) noexcept;
  DgramEdit& operator=(DgramEdit&& other) noexcept;

  // Goes to another datagram; fails like Make, and then holds what it held. The declarations of a
  // Configure, those added to it included, and those of the options, go on to hold for the
  // datagrams that were read under the same Configuration; one that was read under another brings
  // its own.
  Status Reset(Dgram dgram);
  // Goes to a new datagram without payload, under the same declarations. A Configure has none yet,
  // and ends those before it; a datagram that was read under any brings them.
  Status Reset(TransitionId service, Timestamp timestamp);

  // Declares the fields of what is edited, added detectors included: what later datagrams are to be
  // read and edited under. May be null. What it returned is not changed by what is added later.
  const std::shared_ptr<const Configuration>& configuration() const {
    unseen_ = nullptr;
    return configuration_;
  }

  // Adds a declaration to a Configure (else kFailedPrecondition) and returns it. Fails like
  // MakeDeclaration; kAlreadyExists for a NamesId that is there; kResourceExhausted when it passes
  // the room. Many in a row take time in proportion to their number; one after configuration() or a
  // Save copies all of them.
  Result<Names> AddDetector(const DetectorDefinition& definition);

  // Appends data for one declaration of configuration() (else kInvalidArgument), all its fields, in
  // order. kInvalidArgument where they disagree with it, or the datagram would pass the 4 GiB that
  // a header can state; kAlreadyExists where the datagram carries data of that NamesId that were
  // not removed; kResourceExhausted, naming need and room, when the additions would pass the room.
  Status AddData(const Names& names, std::span<const FieldValue> values, Damage damage = Damage());
  Status AddData(const Names& names, std::initializer_list<FieldValue> values,
                 Damage damage = Damage()) {
    return AddData(names, std::span<const FieldValue>(values.begin(), values.size()), damage);
  }

  // Removes the data of a detector and algorithm, of one segment or of all, that are there now:
  // those of the datagram, and those added before. What is added later stays, so data are replaced
  // by removing and adding. (The format's own library removes at the end, later additions
  // included.) kNotFound where no such thing is declared; OK where it is, but has no data here.
  // kFailedPrecondition on a Configure, whose declarations stay.
  Status RemoveData(std::string_view detector, std::string_view algorithm,
                    std::optional<uint32_t> segment = std::nullopt);

  void UpdateTimestamp(Timestamp timestamp);
  // Changes bits 27 to 24 of env and keeps the others. kInvalidArgument above 15;
  // kFailedPrecondition to or from kConfigure, as declarations are good in a Configure alone.
  Status UpdateService(TransitionId service);
  // That of the datagram, not of its detectors.
  void UpdateDamage(Damage damage);

  // Bytes of the datagram as edited.
  int64_t saved_size() const { return kDgramHeaderBytes + kept_bytes_ + additions_.length(); }
  // Writes the datagram to the start of `out` and returns its bytes. kResourceExhausted, naming
  // need and room, where `out` is too small; kInvalidArgument where it overlaps the datagram that
  // is edited; kFailedPrecondition as said above; nothing is written then.
  Result<int64_t> Save(std::span<uint8_t> out) const;
  // As a datagram that owns its bytes, under configuration(), with the source and index of the one
  // that was edited. `pool` null: the pool of the options.
  Result<Dgram> Save(MemoryPool* pool = nullptr) const;
  // In one Write.
  Status Save(io::OutputStream& out) const;

 private:
  // An Xtc of the datagram that something may happen to: data of a detector, or a Parent.
  struct Piece {
    uint32_t at;  // bytes from the start of the payload
    uint32_t extent;
    uint32_t cut;       // bytes of what was removed in it
    int32_t parent;     // its Parent among the pieces, or -1
    uint32_t key : 30;  // the NamesId of data
    uint32_t is_parent : 1;
    uint32_t removed : 1;
  };
  struct Addition {
    int64_t at;  // in the additions
    int64_t extent;
    NamesId id;
    bool is_data;
  };

  explicit DgramEdit(const DgramEditOptions& options);
  static bool Locate(const Dgram& dgram, std::vector<Piece>* pieces);
  void Begin(const uint8_t* header, int64_t payload_bytes);
  Status CheckEditable(const char* what) const;
  Status CheckSavable() const;
  // Whether the datagram was marked corrupted and is no more.
  bool uncovered() const {
    return corrupted_ && !Damage(LoadUnaligned<uint16_t>(header_ + 16)).corrupted();
  }
  Status CheckNeed(const Names& names, int64_t need) const;
  void ReserveAddition();
  // Whether the datagram has data of it that were not removed.
  bool Carries(NamesId id);
  bool Declares(const Names& names) const;
  void RemoveAddition(size_t index);
  uint8_t* StorePayload(uint8_t* out) const;

  MemoryPool* pool_;
  int64_t room_;
  Dgram dgram_;
  const uint8_t* payload_ = nullptr;
  int64_t payload_bytes_ = 0;
  // The Configuration that the datagram was read under, and the one that declares its fields here.
  std::shared_ptr<const Configuration> read_under_;
  std::shared_ptr<const Configuration> configuration_;
  // The same while nobody else has seen it, and it may still be extended; else null.
  mutable Configuration* unseen_ = nullptr;
  uint8_t header_[kDgramHeaderBytes] = {};
  bool holds_ = false;  // false in what was moved from
  bool configure_ = false;
  bool corrupted_ = false;
  int64_t kept_bytes_ = 0;
  std::vector<Piece> pieces_;
  // Where the pieces of the next datagram are found before this one's are given up.
  std::vector<Piece> next_pieces_;
  BufferBuilder additions_;
  std::vector<Addition> added_;
  // What the datagram carries, where it is much, and was looked through since the last removal.
  internal::NamesIdSet carried_;
  bool carried_known_ = false;
};

}  // namespace alkaid::dgram
