// What can be wrong with data: their Shapes, their Data, and their fields.

#include <cstring>
#include <utility>

#include "alkaid/base/checked_math.h"
#include "alkaid/dgram/verify_dgram_internal.h"

namespace alkaid::dgram::internal {
namespace {

// Some writers leave one word after the last Shape of every Shapes.
constexpr int64_t kUsualShapesSlack = 4;
// So many Xtcs that do not belong in a ShapesData are reported, and the others only counted. They
// are faults if one of them is.
constexpr int64_t kMaxOddReported = 100;

}  // namespace

void DgramCheck::CheckShapesData(int64_t at, const Xtc& xtc) {
  Part shapes, data;
  const bool whole = FindParts(at, at + xtc.extent, &shapes, &data);
  RemarkDamage(at, xtc.damage, "a ShapesData");
  const Names* const names = DeclarationOf(at, NamesId(xtc.src));
  // After a broken extent, what is missing was reported there.
  if (names != nullptr && whole) CheckParts(at, *names, shapes, data);
}

const Names* DgramCheck::DeclarationOf(int64_t at, NamesId id) {
  if (!state_.configured) {
    if (!std::exchange(state_.unconfigured_said, true)) {
      Fault(at, "ShapesData of NamesId ", id.ToString(),
            " before any Configure; data are not checked until one comes");
    }
    return nullptr;
  }
  const auto declared = declared_->find(id.key());
  if (declared == declared_->end() && state_.hidden) {
    if (!std::exchange(state_.hidden_said, true)) {
      Fault(at, "data of NamesId ", id.ToString(), " under a Configure marked Corrupted, whose ",
            "declarations readers do not see; data are not checked until another comes");
    }
    return nullptr;
  }
  if (declared == declared_->end()) {
    Fault(at, "ShapesData of NamesId ", id.ToString(), ", which the Configure does not declare");
    return nullptr;
  }
  const bool is_first = met_data_.insert(id.key()).second;
  if (!is_first) {
    Remark(at, "second ShapesData of NamesId ", id.ToString(), " in one datagram");
  }
  if (declared->second.names.has_value()) return &*declared->second.names;
  if (is_first && !declared->second.remarked) {
    remarked_.push_back(&declared->second);
    Remark(at, "data of NamesId ", id.ToString(),
           ", whose declaration is malformed, are not checked from here on");
  }
  return nullptr;
}

bool DgramCheck::FindParts(int64_t at, int64_t end, Part* shapes, Part* data) {
  int64_t odd = 0;
  int64_t more_at = 0;
  auto kind_of_more = Finding::Kind::kRemark;
  ChildXtcs children(data_, at + kXtcHeaderBytes, end);
  const auto is_told = [&](Finding::Kind kind) {
    if (++odd == kMaxOddReported + 1) more_at = children.offset();
    if (odd > kMaxOddReported && kind == Finding::Kind::kFault) kind_of_more = kind;
    return odd <= kMaxOddReported;
  };
  while (children.Next()) {
    const bool is_shapes = children.xtc().type() == TypeId::kShapes;
    Part* const part = is_shapes ? shapes : data;
    if (!is_shapes && children.xtc().type() != TypeId::kData) {
      if (is_told(Finding::Kind::kRemark)) RemarkSkipped(children);
    } else if (part->at < 0) {
      *part = {children.payload_offset(), children.payload_bytes()};
    } else if (is_told(Finding::Kind::kFault)) {
      Fault(children.offset(), "second ", is_shapes ? "Shapes" : "Data", " in one ShapesData");
    }
  }
  if (!CheckEnd(children, "ShapesData")) return false;
  if (odd > kMaxOddReported) {
    Add(kind_of_more, more_at, odd - kMaxOddReported, " more such Xtcs in one ShapesData");
  }
  return true;
}

void DgramCheck::CheckParts(int64_t at, const Names& names, const Part& shapes, const Part& data) {
  const int64_t shapes_need = kShapeBytes * names.array_count();
  if (data.at < 0) Fault(at, "ShapesData of ", names.ToString(), " without Data");
  if (shapes.nbytes < shapes_need) {
    Fault(at, "ShapesData of ", names.ToString(), " has ", shapes.nbytes, " bytes of Shapes for ",
          names.array_count(), " arrays, which take ", shapes_need);
  }
  if (data.at < 0 || shapes.nbytes < shapes_need) return;
  if (shapes.nbytes > shapes_need + kUsualShapesSlack) {
    Remark(shapes.at + shapes_need, shapes.nbytes - shapes_need, " bytes after the last Shape of ",
           names.ToString());
  }
  const Use use = UseOf(names);
  std::array<Part, 2> found;
  if (!CheckFields(names, shapes, data, use.fields, &found)) return;
  if (use.purpose == Use::Purpose::kRecord) CheckSmdRecord(data.at, found);
  if (use.purpose == Use::Purpose::kChunk) CheckChunk(at, names, use.fields, found);
}

bool DgramCheck::CheckFields(const Names& names, const Part& shapes, const Part& data,
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

void DgramCheck::FaultField(const Names& names, const Field& field, int64_t at, int64_t shape_at,
                            int64_t end, int64_t nbytes) {
  std::string shape;
  for (int i = 0; i < field.rank; ++i) {
    absl::StrAppend(&shape, i == 0 ? "" : "x",
                    LoadUnaligned<uint32_t>(data_ + shape_at + ptrdiff_t{4} * i));
  }
  Fault(at, "field \"", field.name, "\" of ", names.ToString(), ", ", DataTypeName(field.type), " ",
        field.rank == 0 ? "scalar" : shape, ", needs ",
        nbytes < 0 ? "more bytes than 64 bits can count" : absl::StrCat(nbytes, " bytes"),
        ", its Data has ", end - at, " left");
}

}  // namespace alkaid::dgram::internal
