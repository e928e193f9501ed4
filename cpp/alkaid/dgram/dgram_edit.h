// DgramEdit: a changed version of a datagram: data added, data removed, or another header.
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
// The edited datagram is never written to. Changes are kept apart and put together by Save, which
// gives the same bytes every time. A call that fails changes nothing. What is not removed keeps its
// order and its bytes: Xtcs of unknown type, declarations outside a Configure, Parents in Parents
// (which get a smaller extent where something in them was removed). Additions follow the datagram's
// own payload.
//
// A datagram whose own damage says corrupted is not parsed. Its header can be changed, and the rest
// is saved as it is; everything else is kFailedPrecondition. A corrupted Parent is kept whole.
// Where UpdateDamage clears the mark, readers will parse what nobody has checked. So each Save then
// checks the extents, and a Configure's declarations, and returns kFailedPrecondition for what
// readers would refuse. The check takes a copy.
//
// One editor serves a whole stream: after the first datagrams, Reset, the edits and a Save into a
// caller's buffer allocate nothing.
//
// Ownership: holds its datagram, and so the bytes; batch and reader may go first. The pool is
// borrowed.
// Threads: one at a time.
// Out of memory: kResourceExhausted, also where the stream given to Save throws std::bad_alloc;
// nothing is changed. Moving an editor, and functions that return no status, need no memory.
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
  // The most bytes that all additions of one edit may take. Memory is allocated as they come.
  int64_t room = int64_t{64} << 20;
  // The pool of the additions and of what Save makes; null: the default pool.
  PoolHandle pool = {};
  // Declares the fields, if not the Configuration that the datagram was read under.
  std::shared_ptr<const Configuration> configuration = {};
};

class ALKAID_EXPORT DgramEdit {
 public:
  // kDataLoss where an Xtc's extent does not fit (XTC2, sections 6.1 and 6.2), or a Configure's
  // declarations are malformed. A Configure always uses its own declarations.
  static Result<DgramEdit> Make(Dgram dgram, DgramEditOptions options = {});
  // A new datagram without payload.
  static Result<DgramEdit> Make(TransitionId service, Timestamp timestamp,
                                std::shared_ptr<const Configuration> configuration = nullptr,
                                DgramEditOptions options = {});
  // A moved-from editor holds no datagram: all but Reset is kFailedPrecondition or has no effect.
  DgramEdit(DgramEdit&& other) noexcept;
  DgramEdit& operator=(DgramEdit&& other) noexcept;

  // Goes to another datagram; fails like Make, and then keeps the old one. The declarations of a
  // Configure, with those added to it, and those of the options remain in force for datagrams that
  // were read under the same Configuration. A datagram read under another one uses that.
  Status Reset(Dgram dgram);
  // Goes to a new datagram without payload, under the same declarations. A new Configure starts
  // without declarations and ends those before it; a datagram that was read under any brings them
  // back.
  Status Reset(TransitionId service, Timestamp timestamp);

  // The declarations of the edited datagram, added detectors included: later datagrams are to be
  // read and edited under it. May be null. Later additions do not change a returned Configuration.
  const std::shared_ptr<const Configuration>& configuration() const {
    unseen_ = nullptr;
    return configuration_;
  }

  // Adds a declaration to a Configure (else kFailedPrecondition) and returns it. Fails like
  // MakeDeclaration; kAlreadyExists for a NamesId that is declared; kResourceExhausted when it
  // exceeds the room. Calls in a row take time in proportion to their number; a call after
  // configuration() or a Save copies all declarations.
  Result<Names> AddDetector(const DetectorDefinition& definition);

  // Appends the data of one declaration of configuration() (else kInvalidArgument): all its fields,
  // in order. Errors:
  //   - kInvalidArgument where values and declaration disagree, or the datagram would exceed the 4
  //     GiB that a header can state
  //   - kAlreadyExists where the datagram carries data of that NamesId that were not removed
  //   - kResourceExhausted, naming need and room, where the additions would exceed the room
  Status AddData(const Names& names, std::span<const FieldValue> values, Damage damage = Damage());
  Status AddData(const Names& names, std::initializer_list<FieldValue> values,
                 Damage damage = Damage()) {
    return AddData(names, std::span<const FieldValue>(values.begin(), values.size()), damage);
  }

  // Removes the present data of a detector and algorithm, of one segment or of all: those of the
  // datagram, and those added so far. Later additions stay, so data are replaced by removing and
  // adding. (The format's own library removes at the end, later additions included.) kNotFound
  // where no such declaration exists; OK where it exists and has no data here. kFailedPrecondition
  // on a Configure, whose declarations stay.
  Status RemoveData(std::string_view detector, std::string_view algorithm,
                    std::optional<uint32_t> segment = std::nullopt);

  void UpdateTimestamp(Timestamp timestamp);
  // Changes bits 27 to 24 of env and keeps the others. kInvalidArgument above 15;
  // kFailedPrecondition to or from kConfigure, as declarations are valid in a Configure alone.
  Status UpdateService(TransitionId service);
  // Sets the damage of the datagram, not of its detectors.
  void UpdateDamage(Damage damage);

  // Bytes of the datagram as edited.
  int64_t saved_size() const { return kDgramHeaderBytes + kept_bytes_ + additions_.length(); }
  // Writes the datagram to the start of `out` and returns its bytes. On failure nothing is written:
  // kResourceExhausted, naming need and room, where `out` is too small; kInvalidArgument where it
  // overlaps the edited datagram; kFailedPrecondition as described above.
  Result<int64_t> Save(std::span<uint8_t> out) const;
  // A datagram that owns its bytes, under configuration(), with the source and index of the edited
  // one. `pool` null: the pool of the options.
  Result<Dgram> Save(PoolHandle pool = {}) const;
  // Writes it to `out` in one Write.
  Status Save(io::OutputStream& out) const;

 private:
  // An Xtc of the datagram that may be changed: data of a detector, or a Parent.
  struct Piece {
    uint32_t at;  // bytes from the start of the payload
    uint32_t extent;
    uint32_t cut;       // bytes removed from it
    int32_t parent;     // index of its Parent in pieces_, or -1
    uint32_t key : 30;  // the NamesId of data
    uint32_t is_parent : 1;
    uint32_t removed : 1;
  };
  struct Addition {
    int64_t at;  // offset in additions_
    int64_t extent;
    NamesId id;
    bool is_data;
  };

  explicit DgramEdit(const DgramEditOptions& options);
  // Finds the pieces in a part of a payload, the content of piece `parent`, `depth` Parents deep.
  // False where an extent does not fit, or Parents nest too deep.
  static bool Locate(const uint8_t* payload, int64_t begin, int64_t end, int32_t parent, int depth,
                     std::vector<Piece>* pieces);
  void Begin(const uint8_t* header, int64_t payload_bytes);
  Status CheckEditable(const char* what) const;
  Status CheckSavable() const;
  // Whether the datagram was marked corrupted and the mark was cleared.
  bool uncovered() const {
    return corrupted_ && !Damage(LoadUnaligned<uint16_t>(header_ + 16)).corrupted();
  }
  Status CheckNeed(const Names& names, int64_t need) const;
  void ReserveAddition();
  // Whether the datagram has data of that id that were not removed.
  bool Carries(NamesId id);
  bool Declares(const Names& names) const;
  void RemoveAddition(size_t index);
  uint8_t* StorePayload(uint8_t* out) const;

  PoolHandle pool_;
  int64_t room_;
  Dgram dgram_;
  const uint8_t* payload_ = nullptr;
  int64_t payload_bytes_ = 0;
  // The Configuration that the datagram was read under, and the one that declares its fields here.
  std::shared_ptr<const Configuration> read_under_;
  std::shared_ptr<const Configuration> configuration_;
  // `configuration_` while nobody else has seen it, so it may still be extended; else null.
  mutable Configuration* unseen_ = nullptr;
  uint8_t header_[kDgramHeaderBytes] = {};
  bool holds_ = false;  // false in a moved-from editor
  bool configure_ = false;
  bool corrupted_ = false;
  int64_t kept_bytes_ = 0;
  std::vector<Piece> pieces_;
  // Receives the pieces of the next datagram before this one's are dropped.
  std::vector<Piece> next_pieces_;
  BufferBuilder additions_;
  std::vector<Addition> added_;
  // The ids that a large datagram carries, valid while carried_known_; unknown after a removal.
  internal::NamesIdSet carried_;
  bool carried_known_ = false;
};

}  // namespace alkaid::dgram
