#include "alkaid/dgram/verify.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "alkaid/base/checked_math.h"
#include "alkaid/dgram/xtc_walk.h"

namespace alkaid::dgram {
namespace {

// Where a declaration has its texts and its count of arrays, in bytes from its start.
constexpr int64_t kArrayCountAt = 12;
constexpr int64_t kTextsAt = 16;
constexpr int64_t kFieldNameAt = 260;
// Some writers leave one word behind the last Shape of every Shapes.
constexpr int64_t kUsualShapesSlack = 4;
// What small data call their records; events/, where they are read, stands above this room.
constexpr const char* kSmdDetector = "smdinfo";
constexpr const char* kSmdAlgorithm = "offsetAlg";
constexpr const char* kSmdOffset = "intOffset";
constexpr const char* kSmdSize = "intDgramSize";

bool IsText(const uint8_t* bytes) { return std::memchr(bytes, '\0', Names::kTextBytes) != nullptr; }

std::string TimeText(Timestamp time) {
  return absl::StrCat(time.seconds(), " s ", time.nanoseconds(), " ns");
}

}  // namespace

std::string Finding::ToString() const {
  return absl::StrCat(source, ": byte ", byte, " (datagram ", dgram_index, " at byte ", dgram_byte,
                      "): ", kind == Kind::kFault ? "fault: " : "remark: ", text);
}

BatchReaderOptions ForVerifying(BatchReaderOptions options) {
  options.require_configuration = false;
  options.read_configures = false;
  return options;
}

// One datagram: walks it twice where it is a Configure, as declarations may stand behind data.
class Verifier::DgramCheck {
 public:
  DgramCheck(Verifier* verifier, const Dgram& dgram)
      : verifier_(*verifier), dgram_(dgram), data_(dgram.data()) {}

  void Run() {
    CheckHeader();
    if (dgram_.service() == TransitionId::kConfigure) verifier_.declared_.clear();
    if (dgram_.damage().corrupted()) {
      if (dgram_.size() > kDgramHeaderBytes) {
        Remark(kDgramHeaderBytes, "payload of a datagram marked Corrupted, which readers skip: ",
               dgram_.size() - kDgramHeaderBytes, " bytes not looked at");
      }
    } else {
      Walk(kDgramHeaderBytes, dgram_.size(), 0);
    }
    for (const int64_t at : shapes_datas_) CheckShapesData(at);
    std::stable_sort(findings_.begin(), findings_.end(),
                     [](const Finding& a, const Finding& b) { return a.byte < b.byte; });
    for (Finding& finding : findings_) verifier_.Add(std::move(finding));
  }

 private:
  template <typename... Args>
  void Add(Finding::Kind kind, int64_t at, const Args&... args) {
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
      Fault(8, "service ", static_cast<int>(header.service()), ", the format knows 0 to ",
            static_cast<int>(TransitionId::kL1Accept));
    }
    if (header.service() == TransitionId::kConfigure) {
      verifier_.configured_ = true;
    } else if (!verifier_.any_ && !verifier_.configured_) {
      Fault(0, "the first datagram is ", TransitionName(header.service()), ", not Configure");
    }
    if (verifier_.any_ && header.timestamp < verifier_.last_) {
      Remark(0, "time goes backwards, from ", TimeText(verifier_.last_), " to ",
             TimeText(header.timestamp));
    }
    verifier_.any_ = true;
    verifier_.last_ = header.timestamp;
    if (header.root.type() != TypeId::kParent) {
      Remark(18, "the root is of type ", static_cast<int>(header.root.type()), ", not Parent");
    }
    RemarkDamage(16, header.root.damage, "the datagram");
  }

  // Whether a sound Xtc stands at `at`, given that `end` ends the Xtc around.
  bool CheckXtc(int64_t at, int64_t end, const char* around) {
    const int64_t left = end - at;
    if (left < kXtcHeaderBytes) {
      Fault(at, left, " bytes are left over in the ", around, " around, a header has ",
            kXtcHeaderBytes);
      return false;
    }
    const Xtc xtc = Xtc::Read(data_ + at);
    if (xtc.extent >= kXtcHeaderBytes && xtc.extent <= left) return true;
    Fault(at, "Xtc of type ", static_cast<int>(xtc.type()), " and extent ", xtc.extent,
          ", the least is ", kXtcHeaderBytes, " and the ", around, " around has ", left,
          " left: these bytes are not looked at");
    return false;
  }

  void Walk(int64_t begin, int64_t end, int depth) {
    for (int64_t at = begin; at < end && CheckXtc(at, end, "Parent");) {
      const Xtc xtc = Xtc::Read(data_ + at);
      const int64_t next = at + xtc.extent;
      switch (xtc.type()) {
        case TypeId::kParent:
          RemarkDamage(at, xtc.damage, "a Parent");
          if (xtc.damage.corrupted()) {
            Remark(at, "Parent marked Corrupted, which readers skip: ", xtc.extent,
                   " bytes not looked at");
          } else if (depth == XtcWalk::kMaxDepth) {
            Fault(at, "Parents nest deeper than the limit of ", XtcWalk::kMaxDepth, ": ",
                  xtc.extent, " bytes are not looked at");
          } else {
            Walk(at + kXtcHeaderBytes, next, depth + 1);
          }
          break;
        case TypeId::kNames:
          CheckNames(at, xtc);
          break;
        case TypeId::kShapesData:
          shapes_datas_.push_back(at);
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
    RemarkDamage(at, xtc.damage, "a Names");
    const NamesId id(xtc.src);
    const auto [declared, is_new] = verifier_.declared_.try_emplace(id.key());
    if (!is_new) Fault(at, "NamesId ", id.ToString(), " is declared twice in one Configure");
    declared->second = {};
    Result<Names> parsed = Names::Parse(data_ + at, xtc.extent);
    if (!parsed.ok()) return Fault(at, internal::MessageText(parsed.status()));
    RemarkOddNames(at, *parsed);
    declared->second.names.emplace(*std::move(parsed));
  }

  void RemarkOddNames(int64_t at, const Names& names) {
    const auto arrays = LoadUnaligned<uint32_t>(data_ + at + kArrayCountAt);
    if (arrays != static_cast<uint32_t>(names.array_count())) {
      Remark(at + kArrayCountAt, "Names of ", names.ToString(), " counts ", arrays,
             " arrays and declares ", names.array_count());
    }
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t text_at = at + kTextsAt + i * Names::kTextBytes;
      if (!IsText(data_ + text_at)) {
        Remark(text_at, "text without a NUL in Names of ", names.ToString());
      }
    }
    std::vector<std::string_view> seen;
    for (size_t i = 0; i < names.fields().size(); ++i) {
      const Field& field = names.fields()[i];
      const int64_t field_at =
          at + Names::kHeaderBytes + static_cast<int64_t>(i) * Names::kFieldBytes;
      if (!IsText(data_ + field_at + kFieldNameAt)) {
        Remark(field_at + kFieldNameAt, "text without a NUL in field ", i, " of ",
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

    if (!verifier_.configured_) {
      if (!std::exchange(verifier_.unconfigured_said_, true)) {
        Fault(at, "ShapesData of NamesId ", id.ToString(),
              " before any Configure; data are not checked until one comes");
      }
      return;
    }
    const auto declared = verifier_.declared_.find(id.key());
    if (declared == verifier_.declared_.end()) {
      return Fault(at, "ShapesData of NamesId ", id.ToString(),
                   ", which the Configure does not declare");
    }
    if (!declared->second.names.has_value()) {
      if (!std::exchange(declared->second.remarked, true)) {
        Remark(at, "data of NamesId ", id.ToString(),
               ", whose declaration is malformed, are not checked from here on");
      }
      return;
    }
    // What is missing behind a broken extent was said there.
    if (whole) CheckParts(at, *declared->second.names, shapes, data);
  }

  // Whether all children of a ShapesData could be told.
  bool FindParts(int64_t begin, int64_t end, Part* shapes, Part* data) {
    for (int64_t at = begin + kXtcHeaderBytes; at < end;) {
      if (!CheckXtc(at, end, "ShapesData")) return false;
      const Xtc child = Xtc::Read(data_ + at);
      const Part part = {at + kXtcHeaderBytes, int64_t{child.extent} - kXtcHeaderBytes};
      if (child.type() == TypeId::kShapes || child.type() == TypeId::kData) {
        const bool is_shapes = child.type() == TypeId::kShapes;
        Part* const found = is_shapes ? shapes : data;
        if (found->at >= 0) {
          Fault(at, "second ", is_shapes ? "Shapes" : "Data", " in one ShapesData");
        } else {
          *found = part;
        }
      } else {
        Remark(at, "Xtc of type ", static_cast<int>(child.type()), " and ", child.extent,
               " bytes, which readers skip here");
      }
      at += child.extent;
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
             " bytes behind the last Shape of ", names.ToString());
    }
    CheckFields(names, shapes, data);
  }

  void CheckFields(const Names& names, const Part& shapes, const Part& data) {
    const bool smd = names.detector() == kSmdDetector && names.algorithm().name == kSmdAlgorithm;
    std::optional<uint64_t> smd_offset, smd_size;
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
        return FaultField(names, field, at, shape_at, end, overflow ? -1 : nbytes);
      }
      if (smd && field.type == DataType::kUInt64 && field.rank == 0) {
        const auto word = LoadUnaligned<uint64_t>(data_ + at);
        if (field.name == kSmdOffset && !smd_offset) smd_offset = word;
        if (field.name == kSmdSize && !smd_size) smd_size = word;
      }
      if (field.rank > 0) shape_at += kShapeBytes;
      at += nbytes;
    }
    if (at < end) {
      Remark(at, end - at, " bytes behind the last field of ", names.ToString());
    }
    if (smd_offset && smd_size) CheckSmdRecord(data.at, *smd_offset, *smd_size);
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
    if (size >= kDgramHeaderBytes && size <= kMost && offset <= kMost - size) return;
    Fault(at, "small-data record of ", size, " bytes at byte ", offset, ", the least datagram has ",
          kDgramHeaderBytes);
  }

  Verifier& verifier_;
  const Dgram& dgram_;
  const uint8_t* const data_;
  std::vector<int64_t> shapes_datas_;
  std::vector<Finding> findings_;
};

Verifier::Verifier(std::string source, Report report,
                   std::shared_ptr<const Configuration> configuration)
    : source_(std::move(source)),
      report_(std::move(report)),
      configured_(configuration != nullptr) {
  if (configuration == nullptr) return;
  for (const Names& names : configuration->names()) declared_[names.id().key()].names = names;
}

Verifier::~Verifier() = default;

void Verifier::Add(Finding finding) {
  ++(finding.kind == Finding::Kind::kFault ? totals_.faults : totals_.remarks);
  report_(finding);
}

void Verifier::Check(const Dgram& dgram) {
  DgramCheck(this, dgram).Run();
  ++totals_.dgrams;
  totals_.bytes += dgram.size();
}

Result<bool> Verifier::CheckBatch(BatchReader& reader) {
  const Result<DgramBatch> batch = reader.Next();
  if (batch.ok()) {
    for (const Dgram& dgram : *batch) Check(dgram);
    if (batch->empty() && !any_ && !configured_) {
      AddAtEnd(reader, "there is no datagram, and so no Configure");
      any_ = true;
    }
    return !batch->empty();
  }
  if (batch.status().code() != StatusCode::kDataLoss) return batch.status();

  totals_.bytes_not_reached = reader.end() - reader.position();
  // The place, which the message begins with, is said apart from the text.
  std::string text = internal::MessageText(batch.status());
  const std::string place =
      absl::StrCat(": byte ", reader.position(), " (datagram ", reader.next_index(), " at byte ",
                   reader.position(), "): ");
  const size_t place_at = text.find(place);
  if (place_at != std::string::npos) text.erase(0, place_at + place.size());
  AddAtEnd(reader, absl::StrCat(text, "; ", totals_.bytes_not_reached,
                                " bytes from here on are not looked at"));
  return false;
}

void Verifier::AddAtEnd(const BatchReader& reader, std::string text) {
  const int64_t at = reader.position();
  Add({Finding::Kind::kFault, source_, at, at, reader.next_index(), std::move(text)});
}

Status Verifier::CheckAll(BatchReader& reader) {
  while (true) {
    ALKAID_ASSIGN_OR_RAISE(const bool more, CheckBatch(reader));
    if (!more) return absl::OkStatus();
  }
}

}  // namespace alkaid::dgram
