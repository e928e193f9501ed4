// Verifier::Check: what can be wrong with one datagram.

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "alkaid/base/checked_math.h"
#include "alkaid/core/files/live_file.h"
#include "alkaid/dgram/data_fault.h"
#include "alkaid/dgram/verify.h"
#include "alkaid/dgram/xtc_layout_internal.h"
#include "alkaid/dgram/xtc_walk.h"

namespace alkaid::dgram {
namespace {

namespace layout = internal::names_layout;

// Some writers leave one word after the last Shape of every Shapes.
constexpr int64_t kUsualShapesSlack = 4;
constexpr uint32_t kNanosecondsOfSecond = 1'000'000'000;
// So many Xtcs that do not belong in a ShapesData are reported, and the others only counted. They
// are faults if one of them is.
constexpr int64_t kMostOddTold = 100;
// The names of the records of small data, and of the announcement of a chunk. They are read in
// events/, which is above this room.
constexpr const char* kSmdDetector = "smdinfo";
constexpr const char* kSmdAlgorithm = "offsetAlg";
constexpr const char* kSmdOffset = "intOffset";
constexpr const char* kSmdSize = "intDgramSize";
constexpr const char* kChunk = "chunkinfo";  // detector and algorithm
constexpr const char* kChunkId = "chunkid";
constexpr const char* kChunkFile = "filename";

bool IsText(const uint8_t* bytes) { return std::memchr(bytes, '\0', Names::kTextBytes) != nullptr; }

std::string TimeText(Timestamp time) {
  return absl::StrCat(time.seconds(), " s ", time.nanoseconds(), " ns");
}

}  // namespace

// The check of one datagram. The declarations of a Configure are read first, as they may follow
// data.
//
// Findings are held for no longer than the check of their Xtc, so memory does not grow with the
// datagram.
class Verifier::DgramCheck {
 public:
  DgramCheck(Verifier* verifier, const Dgram& dgram)
      : verifier_(*verifier), state_(verifier->state_), dgram_(dgram), data_(dgram.data()) {}

  // The verifier's own state changes only once nothing of the check can fail any more.
  void Run() {
    CheckHeader();
    Flush();
    const bool corrupted = dgram_.damage().corrupted();
    if (dgram_.service() == TransitionId::kConfigure) {
      declared_ = &own_;
      state_.hidden_said = false;
      state_.hidden = corrupted;
      if (!corrupted) {
        only_declare_ = true;
        Walk(kDgramHeaderBytes, dgram_.size(), 0);
        only_declare_ = false;
      }
      state_.records = FindRecords(own_);
    }
    if (corrupted) {
      if (dgram_.size() > kDgramHeaderBytes) {
        Remark(kDgramHeaderBytes, "payload of a datagram marked Corrupted, which readers skip: ",
               dgram_.size() - kDgramHeaderBytes, " bytes not checked");
      }
    } else {
      Walk(kDgramHeaderBytes, dgram_.size(), 0);
    }
    if (dgram_.service() == TransitionId::kL1Accept && state_.records.declared && !record_met_ &&
        !has_fault_) {
      Fault(0, "L1Accept without a small-data record");
    }
    Flush();
    for (Declared* const declared : remarked_) declared->remarked = true;
    if (declared_ == &own_) {
      verifier_.declared_.swap(own_);
      verifier_.history_ = nullptr;
    }
    if (announced_) verifier_.announced_.swap(announced_);
    verifier_.state_ = state_;
  }

 private:
  void Flush() {
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const Finding& a, const Finding& b) { return a.byte < b.byte; });
    for (const Finding& finding : findings_) verifier_.AddOnce(finding);
    findings_.clear();
  }
  template <typename... Args>
  void Add(Finding::Kind kind, int64_t at, const Args&... args) {
    if (only_declare_) return;
    has_fault_ |= kind == Finding::Kind::kFault;
    findings_.push_back({kind, verifier_.source_, dgram_.offset() + at, dgram_.offset(),
                         dgram_.index(), absl::StrCat(args...)});
  }
  template <typename... Args>
  void Fault(int64_t at, const Args&... args) {
    Add(Finding::Kind::kFault, at, args...);
  }
  template <typename... Args>
  void Remark(int64_t at, const Args&... args) {
    Add(Finding::Kind::kRemark, at, args...);
  }
  void RemarkDamage(int64_t at, Damage damage, const char* of) {
    if (damage.value() != 0) Remark(at, of, " is damaged: ", damage.ToString());
  }

  void CheckHeader() {
    const DgramHeader header = dgram_.header();
    if (header.service() > TransitionId::kL1Accept) {
      Remark(8, "service ", static_cast<int>(header.service()), ", the format knows 0 to ",
             static_cast<int>(TransitionId::kL1Accept));
    }
    if (header.service() == TransitionId::kConfigure) {
      state_.configured = true;
    } else if (verifier_.history_ != nullptr && !state_.configured) {
      Fault(0, TransitionName(header.service()), " ", verifier_.history_->Why(header.timestamp));
      state_.unconfigured_said = true;
    } else if (!state_.any && !state_.configured) {
      Fault(0, "the first datagram is ", TransitionName(header.service()), ", not Configure");
    }
    if (header.timestamp.nanoseconds() >= kNanosecondsOfSecond) {
      Remark(0, "time of ", TimeText(header.timestamp), ", a second has ", kNanosecondsOfSecond);
    }
    if (state_.any && header.timestamp < state_.last) {
      Remark(0, "time goes backwards, from ", TimeText(state_.last), " to ",
             TimeText(header.timestamp));
    }
    state_.any = true;
    state_.last = header.timestamp;
    if (header.root.type() != TypeId::kParent) {
      Remark(18, "the root is of type ", static_cast<int>(header.root.type()), ", not Parent");
    }
    RemarkDamage(16, header.root.damage, "the datagram");
  }

  // Whether a sound Xtc stands at `at`; the enclosing Xtc ends at `end`.
  bool CheckXtc(int64_t at, int64_t end, const char* around) {
    const int64_t left = end - at;
    if (left < kXtcHeaderBytes) {
      Fault(at, left, " bytes are left over in the enclosing ", around, ", a header has ",
            kXtcHeaderBytes);
      return false;
    }
    const Xtc xtc = Xtc::Read(data_ + at);
    if (xtc.extent >= kXtcHeaderBytes && xtc.extent <= left) return true;
    Fault(at, "Xtc of type ", static_cast<int>(xtc.type()), " and extent ", xtc.extent,
          ", the least is ", kXtcHeaderBytes, " and the enclosing ", around, " has ", left,
          " left: these bytes are not checked");
    return false;
  }

  void Walk(int64_t begin, int64_t end, int depth) {
    for (int64_t at = begin; at < end && CheckXtc(at, end, "Parent");) {
      Flush();
      const Xtc xtc = Xtc::Read(data_ + at);
      const int64_t next = at + xtc.extent;
      switch (xtc.type()) {
        case TypeId::kParent:
          RemarkDamage(at, xtc.damage, "a Parent");
          if (xtc.damage.corrupted()) {
            Remark(at, "Parent marked Corrupted, which readers skip: ", xtc.extent,
                   " bytes not checked");
          } else if (depth == XtcWalk::kMaxDepth) {
            Fault(at, "Parents nest deeper than the limit of ", XtcWalk::kMaxDepth, ": ",
                  xtc.extent, " bytes are not checked");
          } else {
            Walk(at + kXtcHeaderBytes, next, depth + 1);
          }
          break;
        case TypeId::kNames:
          CheckNames(at, xtc);
          break;
        case TypeId::kShapesData:
          if (!only_declare_) CheckShapesData(at);
          break;
        default:
          Remark(at, "Xtc of type ", static_cast<int>(xtc.type()), " and ", xtc.extent,
                 " bytes, which readers skip here");
      }
      at = next;
    }
  }

  void CheckNames(int64_t at, const Xtc& xtc) {
    if (dgram_.service() != TransitionId::kConfigure) {
      Remark(at, "Names in a datagram that is ", TransitionName(dgram_.service()),
             ", which readers skip");
      return;
    }
    const NamesId id(xtc.src);
    Result<Names> parsed = Names::Parse(data_ + at, xtc.extent);
    internal::ThrowIfNoMemory(parsed.status());
    if (only_declare_) {
      // Of two declarations the last counts.
      Declared& declared = own_[id.key()];
      declared = {.names = std::nullopt, .order = at};
      if (parsed.ok()) declared.names.emplace(*std::move(parsed));
      return;
    }
    RemarkDamage(at, xtc.damage, "a Names");
    if (!met_names_.insert(id.key()).second) {
      Remark(at, "NamesId ", id.ToString(), " is declared twice in one Configure: the last counts");
    }
    if (!parsed.ok()) return Fault(at, internal::MessageText(parsed.status()));
    RemarkOddNames(at, *parsed);
  }

  void RemarkOddNames(int64_t at, const Names& names) {
    const auto arrays = LoadUnaligned<uint32_t>(data_ + at + layout::kArrayCountAt);
    if (arrays != static_cast<uint32_t>(names.array_count())) {
      Remark(at + layout::kArrayCountAt, "Names of ", names.ToString(), " counts ", arrays,
             " arrays and declares ", names.array_count());
    }
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t text_at = at + layout::kDetectorTypeAt + i * Names::kTextBytes;
      if (!IsText(data_ + text_at)) {
        Remark(text_at, "text without a NUL in Names of ", names.ToString());
      }
    }
    std::vector<std::string_view> seen;
    for (size_t i = 0; i < names.fields().size(); ++i) {
      const Field& field = names.fields()[i];
      const int64_t field_at =
          at + Names::kHeaderBytes + static_cast<int64_t>(i) * Names::kFieldBytes;
      if (!IsText(data_ + field_at + layout::kFieldNameAt)) {
        Remark(field_at + layout::kFieldNameAt, "text without a NUL in field ", i, " of ",
               names.ToString());
      }
      if (field.is_enum() && field.name.find(':') == std::string::npos) {
        Remark(field_at, "field \"", field.name, "\" of ", names.ToString(), " is ",
               DataTypeName(field.type), " and names no enumeration: it has no ':'");
      }
      seen.push_back(field.name);
    }
    std::sort(seen.begin(), seen.end());
    for (size_t i = 1; i < seen.size(); ++i) {
      if (seen[i] != seen[i - 1] || (i > 1 && seen[i] == seen[i - 2])) continue;
      Remark(at, "several fields of ", names.ToString(), " are called \"", std::string(seen[i]),
             "\"");
    }
  }

  // The payload of a Shapes or a Data.
  struct Part {
    int64_t at = -1;  // none was met
    int64_t nbytes = 0;
  };

  void CheckShapesData(int64_t at) {
    const Xtc xtc = Xtc::Read(data_ + at);
    const NamesId id(xtc.src);
    Part shapes, data;
    const bool whole = FindParts(at, at + xtc.extent, &shapes, &data);
    RemarkDamage(at, xtc.damage, "a ShapesData");

    if (!state_.configured) {
      if (!std::exchange(state_.unconfigured_said, true)) {
        Fault(at, "ShapesData of NamesId ", id.ToString(),
              " before any Configure; data are not checked until one comes");
      }
      return;
    }
    const auto declared = declared_->find(id.key());
    if (declared == declared_->end() && state_.hidden) {
      if (!std::exchange(state_.hidden_said, true)) {
        Fault(at, "data of NamesId ", id.ToString(), " under a Configure marked Corrupted, whose ",
              "declarations readers do not see; data are not checked until another comes");
      }
      return;
    }
    if (declared == declared_->end()) {
      return Fault(at, "ShapesData of NamesId ", id.ToString(),
                   ", which the Configure does not declare");
    }
    const bool is_first = met_data_.insert(id.key()).second;
    if (!is_first) {
      Remark(at, "second ShapesData of NamesId ", id.ToString(), " in one datagram");
    }
    if (!declared->second.names.has_value()) {
      if (is_first && !declared->second.remarked) {
        remarked_.push_back(&declared->second);
        Remark(at, "data of NamesId ", id.ToString(),
               ", whose declaration is malformed, are not checked from here on");
      }
      return;
    }
    // After a broken extent, what is missing was reported there.
    if (whole) CheckParts(at, *declared->second.names, shapes, data);
  }

  // What the next fields are used for.
  enum class Purpose { kNone, kRecord, kChunk };

  // Readers look only at the first data of each kind in a datagram.
  Purpose PurposeOf(const Names& names) {
    const TransitionId service = dgram_.service();
    const bool is_event =
        service == TransitionId::kL1Accept || service == TransitionId::kL1AcceptEndOfBatch;
    if (is_event && state_.records.declared && !record_met_ &&
        names.id().key() == state_.records.key) {
      record_met_ = true;
      return Purpose::kRecord;
    }
    const bool may_announce =
        service == TransitionId::kEnable || service == TransitionId::kSlowUpdate;
    if (may_announce && !chunk_met_ && names.detector() == kChunk &&
        names.algorithm().name == kChunk) {
      chunk_met_ = true;
      return Purpose::kChunk;
    }
    return Purpose::kNone;
  }

  // Whether all children of a ShapesData could be found.
  bool FindParts(int64_t begin, int64_t end, Part* shapes, Part* data) {
    int64_t odd = 0;
    int64_t more_at = 0;
    auto kind_of_more = Finding::Kind::kRemark;
    const auto is_told = [&](int64_t at, Finding::Kind kind) {
      if (++odd == kMostOddTold + 1) more_at = at;
      if (odd > kMostOddTold && kind == Finding::Kind::kFault) kind_of_more = kind;
      return odd <= kMostOddTold;
    };
    for (int64_t at = begin + kXtcHeaderBytes; at < end;) {
      if (!CheckXtc(at, end, "ShapesData")) return false;
      const Xtc child = Xtc::Read(data_ + at);
      const Part part = {at + kXtcHeaderBytes, int64_t{child.extent} - kXtcHeaderBytes};
      if (child.type() == TypeId::kShapes || child.type() == TypeId::kData) {
        const bool is_shapes = child.type() == TypeId::kShapes;
        Part* const found = is_shapes ? shapes : data;
        if (found->at >= 0) {
          if (is_told(at, Finding::Kind::kFault))
            Fault(at, "second ", is_shapes ? "Shapes" : "Data", " in one ShapesData");
        } else {
          *found = part;
        }
      } else if (is_told(at, Finding::Kind::kRemark)) {
        Remark(at, "Xtc of type ", static_cast<int>(child.type()), " and ", child.extent,
               " bytes, which readers skip here");
      }
      at += child.extent;
    }
    if (odd > kMostOddTold) {
      Add(kind_of_more, more_at, odd - kMostOddTold, " more such Xtcs in one ShapesData");
    }
    return true;
  }

  void CheckParts(int64_t at, const Names& names, const Part& shapes, const Part& data) {
    const int64_t shapes_need = kShapeBytes * names.array_count();
    if (data.at < 0) Fault(at, "ShapesData of ", names.ToString(), " without Data");
    if (shapes.nbytes < shapes_need) {
      Fault(at, "ShapesData of ", names.ToString(), " has ", shapes.nbytes, " bytes of Shapes for ",
            names.array_count(), " arrays, which take ", shapes_need);
    }
    if (data.at < 0 || shapes.nbytes < shapes_need) return;
    if (shapes.nbytes > shapes_need + kUsualShapesSlack) {
      Remark(shapes.at + shapes_need, shapes.nbytes - shapes_need,
             " bytes after the last Shape of ", names.ToString());
    }
    const Purpose purpose = PurposeOf(names);
    std::array<int, 2> wanted = {-1, -1};
    if (purpose == Purpose::kRecord) wanted = state_.records.fields;
    if (purpose == Purpose::kChunk)
      wanted = {names.FieldIndex(kChunkId), names.FieldIndex(kChunkFile)};
    std::array<Part, 2> found;
    if (!CheckFields(names, shapes, data, wanted, &found)) return;
    if (purpose == Purpose::kRecord) {
      CheckSmdRecord(data.at, LoadUnaligned<uint64_t>(data_ + found[0].at),
                     LoadUnaligned<uint64_t>(data_ + found[1].at));
    }
    if (purpose == Purpose::kChunk) CheckChunk(at, names, wanted, found);
  }

  // False where a field does not fit. The fields with the two indices in `wanted` go to `found`.
  bool CheckFields(const Names& names, const Part& shapes, const Part& data,
                   const std::array<int, 2>& wanted, std::array<Part, 2>* found) {
    int index = 0;
    int64_t at = data.at;
    int64_t shape_at = shapes.at;
    const int64_t end = data.at + data.nbytes;
    for (const Field& field : names.fields()) {
      int64_t nbytes = field.element_size();
      bool overflow = false;
      for (int i = 0; i < field.rank; ++i) {
        const auto dimension = LoadUnaligned<uint32_t>(data_ + shape_at + ptrdiff_t{4} * i);
        overflow |= MultiplyOverflow(nbytes, int64_t{dimension}, &nbytes);
      }
      if (overflow || nbytes > end - at) {
        FaultField(names, field, at, shape_at, end, overflow ? -1 : nbytes);
        return false;
      }
      for (size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] == index) (*found)[i] = {at, nbytes};
      }
      ++index;
      if (field.type == DataType::kCharStr && nbytes > 0 &&
          std::memchr(data_ + at, '\0', static_cast<size_t>(nbytes)) == nullptr) {
        Remark(at, "text without a NUL in field \"", field.name, "\" of ", names.ToString());
      }
      if (field.rank > 0) shape_at += kShapeBytes;
      at += nbytes;
    }
    if (at < end) {
      Remark(at, end - at, " bytes after the last field of ", names.ToString());
    }
    return true;
  }

  void FaultField(const Names& names, const Field& field, int64_t at, int64_t shape_at, int64_t end,
                  int64_t nbytes) {
    std::string shape;
    for (int i = 0; i < field.rank; ++i) {
      absl::StrAppend(&shape, i == 0 ? "" : "x",
                      LoadUnaligned<uint32_t>(data_ + shape_at + ptrdiff_t{4} * i));
    }
    Fault(at, "field \"", field.name, "\" of ", names.ToString(), ", ", DataTypeName(field.type),
          " ", field.rank == 0 ? "scalar" : shape, ", needs ",
          nbytes < 0 ? "more bytes than 64 bits can count" : absl::StrCat(nbytes, " bytes"),
          ", its Data has ", end - at, " left");
  }

  void CheckSmdRecord(int64_t at, uint64_t offset, uint64_t size) {
    constexpr auto kMost = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    constexpr auto kMostBytes = static_cast<uint64_t>(DgramHeader::kMostBytes);
    if (size >= kDgramHeaderBytes && size <= kMostBytes && offset <= kMost - size) return;
    Fault(at, "small-data record of ", size, " bytes at byte ", offset, ", the least datagram has ",
          kDgramHeaderBytes, " and the largest ", kMostBytes);
  }

  void CheckChunk(int64_t at, const Names& names, const std::array<int, 2>& fields,
                  const std::array<Part, 2>& found) {
    const auto is_of = [&](int index, DataType type, int rank) {
      const auto& all = names.fields();
      return index >= 0 && all[static_cast<size_t>(index)].type == type &&
             all[static_cast<size_t>(index)].rank == rank;
    };
    if (!is_of(fields[0], DataType::kUInt32, 0) || !is_of(fields[1], DataType::kCharStr, 1)) {
      return Fault(at, "announced chunk without a number \"", kChunkId, "\" and a text \"",
                   kChunkFile, "\"");
    }
    const auto* const text = reinterpret_cast<const char*>(data_ + found[1].at);
    const std::string_view name(text, ::strnlen(text, static_cast<size_t>(found[1].nbytes)));
    const auto id = LoadUnaligned<uint32_t>(data_ + found[0].at);
    if (!name.empty() && name != "." && name != ".." && name.find('/') == name.npos) {
      return CheckOrder(id, std::string(name));
    }
    Fault(found[1].at, "chunk ", id, " is said to lie in \"", std::string(name),
          "\", which is not the name of a file in the same folder");
  }

  // Like ChunkInfo::Next of events/: readers go to later chunks, never back.
  void CheckOrder(uint32_t id, std::string file) {
    const std::optional<Announced>& before = verifier_.announced_;
    if (!before || id > before->id) {
      announced_ = {.id = id, .file = std::move(file)};
    } else if (id != before->id ||
               io::LiveFile::FinalName(file) != io::LiveFile::FinalName(before->file)) {
      Fault(0, TransitionName(dgram_.service()), " announces chunk ", id, " in ", file,
            ", which readers do not reach: before it is chunk ", before->id, " in ", before->file);
    }
  }

  Verifier& verifier_;
  // The verifier's state after this datagram. For a Configure also its own declarations.
  State state_;
  Declarations own_;
  Declarations* declared_ = &verifier_.declared_;
  // Declarations whose data were reported here as not checked.
  std::vector<Declared*> remarked_;
  const Dgram& dgram_;
  const uint8_t* const data_;
  bool only_declare_ = false;
  bool has_fault_ = false;
  bool record_met_ = false;
  bool chunk_met_ = false;
  // The chunk that this datagram announces, if readers go on in it.
  std::optional<Announced> announced_;
  // The NamesIds met in this datagram; for data only the declared ones.
  std::unordered_set<uint32_t> met_names_;
  std::unordered_set<uint32_t> met_data_;
  std::vector<Finding> findings_;
};

// Like SmdInfo::Find of events/: the first declaration that has both words.
Verifier::Records Verifier::FindRecords(const Declarations& declared) {
  Records records;
  int64_t order = std::numeric_limits<int64_t>::max();
  for (const auto& [key, declaration] : declared) {
    if (!declaration.names.has_value() || declaration.order > order) continue;
    const Names& names = *declaration.names;
    if (names.detector() != kSmdDetector || names.segment() != 0 ||
        names.algorithm().name != kSmdAlgorithm) {
      continue;
    }
    const std::array<int, 2> fields = {names.FieldIndex(kSmdOffset), names.FieldIndex(kSmdSize)};
    const auto is_word = [&](int index) {
      return index >= 0 && names.layout()[index].type == DataType::kUInt64 &&
             names.layout()[index].rank == 0;
    };
    if (!is_word(fields[0]) || !is_word(fields[1])) continue;
    records = {true, key, fields};
    order = declaration.order;
  }
  return records;
}

void Verifier::Check(const Dgram& dgram) {
  const std::pair place(dgram.offset(), dgram.index());
  if (place != interrupted_) told_ = 0;
  interrupted_ = place;
  to_skip_ = told_;
  if (history_ != nullptr) DeclareFor(dgram);
  DgramCheck(this, dgram).Run();
  interrupted_ = {-1, -1};
  ++totals_.dgrams;
  totals_.bytes += dgram.size();
}

}  // namespace alkaid::dgram
