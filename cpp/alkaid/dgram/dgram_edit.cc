#include "alkaid/dgram/dgram_edit.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "alkaid/dgram/child_xtcs_internal.h"
#include "alkaid/dgram/xtc_layout_internal.h"
#include "alkaid/dgram/xtc_walk.h"

namespace alkaid::dgram {
namespace {

// A datagram's data have up to a few dozen detectors.
constexpr size_t kUsualPieces = 32;

bool IsOf(const Names& names, std::string_view detector, std::string_view algorithm,
          std::optional<uint32_t> segment) {
  return (!segment || names.segment() == *segment) && names.detector() == detector &&
         names.algorithm().name == algorithm;
}

}  // namespace

DgramEdit::DgramEdit(const DgramEditOptions& options)
    : pool_(options.pool.OrDefault()),
      room_(options.room),
      configuration_(options.configuration),
      additions_(pool_) {}

DgramEdit::DgramEdit(DgramEdit&& other) noexcept
    : pool_(other.pool_), room_(other.room_), additions_(pool_) {
  *this = std::move(other);
}

DgramEdit& DgramEdit::operator=(DgramEdit&& other) noexcept {
  if (this == &other) return *this;
  pool_ = other.pool_;
  room_ = other.room_;
  dgram_ = std::exchange(other.dgram_, Dgram());
  payload_ = std::exchange(other.payload_, nullptr);
  payload_bytes_ = std::exchange(other.payload_bytes_, 0);
  read_under_ = std::exchange(other.read_under_, nullptr);
  configuration_ = std::exchange(other.configuration_, nullptr);
  unseen_ = std::exchange(other.unseen_, nullptr);
  std::memcpy(header_, other.header_, kDgramHeaderBytes);
  holds_ = std::exchange(other.holds_, false);
  configure_ = std::exchange(other.configure_, false);
  corrupted_ = std::exchange(other.corrupted_, false);
  kept_bytes_ = std::exchange(other.kept_bytes_, 0);
  pieces_ = std::exchange(other.pieces_, {});
  next_pieces_ = std::exchange(other.next_pieces_, {});
  additions_ = std::move(other.additions_);
  added_ = std::exchange(other.added_, {});
  carried_known_ = other.carried_known_ = false;
  return *this;
}

Result<DgramEdit> DgramEdit::Make(Dgram dgram, DgramEditOptions options) try {
  if (options.room < 0) return status::Invalid("room of ", options.room, " bytes for additions");
  DgramEdit edit(options);
  if (options.configuration != nullptr && dgram.origin() != nullptr) {
    edit.read_under_ = dgram.configuration();
  }
  ALKAID_RETURN_NOT_OK(edit.Reset(std::move(dgram)));
  return edit;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Result<DgramEdit> DgramEdit::Make(TransitionId service, Timestamp timestamp,
                                  std::shared_ptr<const Configuration> configuration,
                                  DgramEditOptions options) try {
  if (options.room < 0) return status::Invalid("room of ", options.room, " bytes for additions");
  if (configuration != nullptr) options.configuration = std::move(configuration);
  DgramEdit edit(options);
  ALKAID_RETURN_NOT_OK(edit.Reset(service, timestamp));
  return edit;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

bool DgramEdit::Locate(const uint8_t* payload, int64_t begin, int64_t end, int32_t parent,
                       int depth, std::vector<Piece>* pieces) {
  internal::ChildXtcs children(payload, begin, end);
  while (children.Next()) {
    const Xtc& xtc = children.xtc();
    const bool is_parent = xtc.type() == TypeId::kParent && !xtc.damage.corrupted();
    if (!is_parent && xtc.type() != TypeId::kShapesData) continue;
    const auto index = static_cast<int32_t>(pieces->size());
    pieces->push_back({static_cast<uint32_t>(children.offset()), xtc.extent, 0, parent,
                       NamesId(xtc.src).key(), is_parent, false});
    if (!is_parent) continue;
    if (depth == XtcWalk::kMaxDepth) return false;
    if (!Locate(payload, children.payload_offset(), children.end(), index, depth + 1, pieces)) {
      return false;
    }
  }
  return !children.broken();
}

void DgramEdit::Begin(const uint8_t* header, int64_t payload_bytes) {
  std::memcpy(header_, header, kDgramHeaderBytes);
  payload_bytes_ = payload_bytes;
  kept_bytes_ = payload_bytes;
  configure_ = DgramHeader::ServiceOf(header_) == TransitionId::kConfigure;
  holds_ = true;
  additions_.Rewind(0);
  added_.clear();
  carried_known_ = false;
}

Status DgramEdit::Reset(Dgram dgram) try {
  // A moved-from Dgram has no origin.
  if (dgram.origin() == nullptr) return status::Invalid("an edit needs a datagram, and has none");
  if (next_pieces_.capacity() == 0) next_pieces_.reserve(kUsualPieces);
  next_pieces_.clear();
  if (!dgram.damage().corrupted() &&
      !Locate(dgram.data() + kDgramHeaderBytes, 0, dgram.size() - kDgramHeaderBytes, -1, 0,
              &next_pieces_)) {
    // Says which.
    ALKAID_RETURN_NOT_OK(CheckExtents(dgram));
    return dgram.Fault(0, "an extent does not fit");
  }
  if (dgram.service() == TransitionId::kConfigure) {
    ALKAID_ASSIGN_OR_RAISE(configuration_, Configuration::FromDgram(dgram));
    unseen_ = nullptr;
    read_under_ = dgram.configuration();
  } else if (dgram.configuration() != nullptr && dgram.configuration() != read_under_) {
    configuration_ = read_under_ = dgram.configuration();
    unseen_ = nullptr;
  }
  dgram_ = std::move(dgram);
  pieces_.swap(next_pieces_);
  payload_ = dgram_.data() + kDgramHeaderBytes;
  corrupted_ = dgram_.damage().corrupted();
  Begin(dgram_.data(), dgram_.size() - kDgramHeaderBytes);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramEdit::Reset(TransitionId service, Timestamp timestamp) try {
  if (static_cast<int>(service) > 0x0f) {
    return status::Invalid("service ", static_cast<int>(service), ", the limit is 15");
  }
  if (service == TransitionId::kConfigure) {
    ALKAID_ASSIGN_OR_RAISE(configuration_, Configuration::FromNames({}));
    unseen_ = nullptr;
    read_under_ = nullptr;
  }
  uint8_t header[kDgramHeaderBytes];
  internal::StoreDgramHeader(header, service, timestamp, 0, Damage());
  dgram_ = Dgram();
  pieces_.clear();
  payload_ = nullptr;
  corrupted_ = false;
  Begin(header, 0);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramEdit::CheckEditable(const char* what) const {
  if (!corrupted_ && holds_) [[likely]]
    return absl::OkStatus();
  if (!holds_) return status::FailedPrecondition(what, " of an editor that was moved from");
  return status::FailedPrecondition(what, ": the damage of datagram ", dgram_.index(), " of ",
                                    dgram_.source(), " says that it is corrupted");
}

Status DgramEdit::CheckNeed(const Names& names, int64_t need) const {
  const int64_t extent = kXtcHeaderBytes + kept_bytes_ + additions_.length() + need;
  if (extent > internal::kMaxExtent) [[unlikely]] {
    return status::Invalid("an addition of ", need, " bytes for ", names.ToString(),
                           " makes the datagram's extent ", extent, ", a header can state ",
                           internal::kMaxExtent);
  }
  if (need > room_ - additions_.length()) [[unlikely]] {
    return status::OutOfMemory("an addition of ", need, " bytes for ", names.ToString(),
                               " passes the room for additions: ", room_ - additions_.length(),
                               " of ", room_, " bytes are left");
  }
  return absl::OkStatus();
}

Result<Names> DgramEdit::AddDetector(const DetectorDefinition& definition) try {
  ALKAID_RETURN_NOT_OK(CheckEditable("AddDetector"));
  if (!configure_) {
    return status::FailedPrecondition("AddDetector in a datagram that is not a Configure");
  }
  ALKAID_ASSIGN_OR_RAISE(Names names, MakeDeclaration(definition, configuration_->names()));
  ALKAID_RETURN_NOT_OK(configuration_->CheckNew(names));
  const int64_t extent = internal::NamesExtent(names);
  ALKAID_RETURN_NOT_OK(CheckNeed(names, extent));
  ReserveAddition();
  ALKAID_RETURN_NOT_OK(additions_.Reserve(extent));
  if (unseen_ != nullptr) {
    unseen_->Reserve();
  } else {
    std::shared_ptr<Configuration> copy = configuration_->Copy();
    unseen_ = copy.get();
    configuration_ = std::move(copy);
  }

  added_.push_back({additions_.length(), extent, names.id(), false});
  internal::StoreNames(additions_.mutable_data() + additions_.length(), names);
  additions_.UnsafeAdvance(extent);
  unseen_->Append(names);
  return names;
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void DgramEdit::ReserveAddition() {
  if (added_.size() == added_.capacity()) added_.reserve(std::max<size_t>(8, 2 * added_.size()));
}

bool DgramEdit::Carries(NamesId id) {
  // Calls `any` with the id of each piece of data until it returns true.
  const auto find = [this](const auto& any) {
    return std::any_of(pieces_.begin(), pieces_.end(),
                       [&](const Piece& piece) {
                         return !piece.is_parent && !piece.removed && any(NamesId(piece.key));
                       }) ||
           std::any_of(added_.begin(), added_.end(), [&](const Addition& addition) {
             return addition.is_data && any(addition.id);
           });
  };
  if (pieces_.size() + added_.size() < internal::NamesIdSet::kFew) {
    return find([id](NamesId other) { return other == id; });
  }
  if (!carried_known_) {
    carried_.Clear();
    find([this](NamesId other) {
      if (!carried_.Contains(other)) carried_.Insert(other);
      return false;
    });
    carried_known_ = true;
  }
  return carried_.Contains(id);
}

bool DgramEdit::Declares(const Names& names) const {
  if (configuration_ == nullptr) return false;
  const Names* const declared = configuration_->Find(names.id());
  return declared == &names || (declared != nullptr && internal::SameDeclaration(*declared, names));
}

Status DgramEdit::AddData(const Names& names, std::span<const FieldValue> values,
                          Damage damage) try {
  ALKAID_RETURN_NOT_OK(CheckEditable("AddData"));
  if (!Declares(names)) [[unlikely]] {
    return status::Invalid("data of ", names.ToString(), ", NamesId ", names.id().ToString(),
                           ", which the Configuration does not declare so");
  }
  if (Carries(names.id())) [[unlikely]] {
    return status::AlreadyExists("the datagram carries data of ", names.ToString(), ", NamesId ",
                                 names.id().ToString());
  }
  ALKAID_ASSIGN_OR_RAISE(const int64_t extent, internal::ShapesDataExtent(names, values));
  ALKAID_RETURN_NOT_OK(CheckNeed(names, extent));
  ReserveAddition();
  ALKAID_RETURN_NOT_OK(additions_.Reserve(extent));
  if (carried_known_) carried_.Insert(names.id());

  added_.push_back({additions_.length(), extent, names.id(), true});
  internal::StoreShapesData(additions_.mutable_data() + additions_.length(), names, values, damage,
                            extent);
  additions_.UnsafeAdvance(extent);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status DgramEdit::RemoveData(std::string_view detector, std::string_view algorithm,
                             std::optional<uint32_t> segment) try {
  ALKAID_RETURN_NOT_OK(CheckEditable("RemoveData"));
  if (configure_) {
    return status::FailedPrecondition("RemoveData in a Configure, whose declarations stay");
  }
  carried_known_ = false;
  bool known = false;
  const auto concerns = [&](uint32_t key) {
    const Names* const names = configuration_->Find(NamesId(key));
    return names != nullptr && IsOf(*names, detector, algorithm, segment);
  };
  if (configuration_ != nullptr) {
    for (Piece& piece : pieces_) {
      if (piece.is_parent || !concerns(piece.key)) continue;
      known = true;
      if (piece.removed) continue;
      piece.removed = true;
      kept_bytes_ -= piece.extent;
      for (int32_t up = piece.parent; up >= 0; up = pieces_[static_cast<size_t>(up)].parent) {
        pieces_[static_cast<size_t>(up)].cut += piece.extent;
      }
    }
    for (size_t i = added_.size(); i-- > 0;) {
      if (added_[i].is_data && concerns(added_[i].id.key())) RemoveAddition(i);
    }
    known = known || std::any_of(configuration_->names().begin(), configuration_->names().end(),
                                 [&](const Names& names) {
                                   return IsOf(names, detector, algorithm, segment);
                                 });
  }
  if (known) return absl::OkStatus();
  return status::KeyError(
      "no data of detector \"", std::string(detector), "\", algorithm \"", std::string(algorithm),
      "\"", segment ? absl::StrCat(", segment ", *segment) : std::string(), " are declared");
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

void DgramEdit::RemoveAddition(size_t index) {
  const Addition gone = added_[index];
  uint8_t* const bytes = additions_.mutable_data();
  const int64_t after = additions_.length() - gone.at - gone.extent;
  std::memmove(bytes + gone.at, bytes + gone.at + gone.extent, static_cast<size_t>(after));
  additions_.Rewind(additions_.length() - gone.extent);
  added_.erase(added_.begin() + static_cast<ptrdiff_t>(index));
  for (size_t i = index; i < added_.size(); ++i) added_[i].at -= gone.extent;
}

void DgramEdit::UpdateTimestamp(Timestamp timestamp) {
  internal::StoreUnaligned(header_, timestamp.value());
}

Status DgramEdit::UpdateService(TransitionId service) {
  if (static_cast<int>(service) > 0x0f) {
    return status::Invalid("service ", static_cast<int>(service), ", the limit is 15");
  }
  const TransitionId from = DgramHeader::ServiceOf(header_);
  if ((from == TransitionId::kConfigure) != (service == TransitionId::kConfigure)) {
    return status::FailedPrecondition(TransitionName(from), " made into ", TransitionName(service),
                                      ": declarations are valid only in a Configure");
  }
  header_[11] = static_cast<uint8_t>((header_[11] & 0xf0) | static_cast<int>(service));
  return absl::OkStatus();
}

void DgramEdit::UpdateDamage(Damage damage) {
  internal::StoreUnaligned(header_ + 16, damage.value());
}

}  // namespace alkaid::dgram
