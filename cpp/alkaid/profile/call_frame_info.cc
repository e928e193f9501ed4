#include <dlfcn.h>

#include <cstddef>
#include <cstring>

#include "alkaid/profile/call_frame_info_internal.h"

namespace alkaid::profile {
namespace {

constexpr int kMostCfaBits = 28;
constexpr int kMostRbpBits = 24;

bool Fits(int64_t value, int bits) {
  return value >= -(int64_t{1} << (bits - 1)) && value < (int64_t{1} << (bits - 1));
}

constexpr UnwindRule kElsewhereRule = {UnwindRule::kElsewhere, UnwindRule::kUnchanged, 0, 0};

}  // namespace

uint64_t UnwindRule::Pack() const {
  return static_cast<uint64_t>(kind) | static_cast<uint64_t>(saved_rbp) << 4 |
         (static_cast<uint64_t>(cfa_offset) & 0xfffffff) << 8 |
         (static_cast<uint64_t>(rbp_offset) & 0xffffff) << 40;
}

UnwindRule UnwindRule::Unpack(uint64_t word) {
  UnwindRule rule;
  rule.kind = static_cast<Kind>(word & 15);
  rule.saved_rbp = static_cast<SavedRbp>(word >> 4 & 15);
  rule.cfa_offset = static_cast<int32_t>(static_cast<int64_t>(word << 28) >> 36);
  rule.rbp_offset = static_cast<int32_t>(static_cast<int64_t>(word) >> 40);
  return rule;
}

#if defined(__x86_64__) && defined(DLFO_STRUCT_HAS_EH_DBASE)

namespace {

// DWARF's numbers of the registers.
constexpr uint64_t kRbp = 6;
constexpr uint64_t kRsp = 7;
constexpr uint64_t kReturnAddress = 16;

// How a pointer is written (DW_EH_PE_*).
constexpr uint8_t kOmitted = 0xff;
constexpr uint8_t kIndirect = 0x80;

// Reads the numbers of a table; `ok` turns false at what is not understood or lies past the end.
struct Reader {
  const uint8_t* at;
  const uint8_t* end;
  bool ok = true;

  template <typename T>
  T Read() {
    T value{};
    if (static_cast<size_t>(end - at) < sizeof(T)) {
      ok = false;
      at = end;
      return value;
    }
    std::memcpy(&value, at, sizeof(T));
    at += sizeof(T);
    return value;
  }
  uint64_t Unsigned() {  // ULEB128
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = Read<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0 || !ok) return value;
    }
  }
  int64_t Signed() {  // SLEB128
    uint64_t value = 0;
    for (int shift = 0;;) {
      const auto byte = Read<uint8_t>();
      if (shift < 64) value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if ((byte & 0x80) != 0 && ok) continue;
      if ((byte & 0x40) != 0 && shift < 64) value |= ~uint64_t{0} << shift;
      return static_cast<int64_t>(value);
    }
  }
  void Skip(uint64_t bytes) {
    if (bytes > static_cast<uint64_t>(end - at)) {
      ok = false;
      at = end;
    } else {
      at += bytes;
    }
  }
  uint64_t Pointer(uint8_t encoding) {
    const auto here = reinterpret_cast<uint64_t>(at);
    uint64_t value = 0;
    switch (encoding & 0x0f) {
      case 0x00:
      case 0x04:
      case 0x0c:
        value = Read<uint64_t>();
        break;
      case 0x01:
        value = Unsigned();
        break;
      case 0x09:
        value = static_cast<uint64_t>(Signed());
        break;
      case 0x02:
        value = Read<uint16_t>();
        break;
      case 0x0a:
        value = static_cast<uint64_t>(int64_t{Read<int16_t>()});
        break;
      case 0x03:
        value = Read<uint32_t>();
        break;
      case 0x0b:
        value = static_cast<uint64_t>(int64_t{Read<int32_t>()});
        break;
      default:
        ok = false;
    }
    switch (encoding & 0x70) {
      case 0x00:
        return value;
      case 0x10:  // relative to where it stands
        return here + value;
      default:
        ok = false;
        return 0;
    }
  }
};

// The start of a frame description, which says for a range of addresses how frames look there.
const uint8_t* FindDescription(uint64_t address) {
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(address), &object) != 0) return nullptr;
  const auto* const header = static_cast<const uint8_t*>(object.dlfo_eh_frame);
  // version 1, then the encodings of the pointer to the frames, of the count, of the table: all
  // linkers write a table of pairs, sorted, both relative to the header.
  if (header == nullptr || header[0] != 1 || header[3] != 0x3b || header[2] != 0x03) return nullptr;
  Reader reader = {header + 4, header + 64};
  reader.Pointer(header[1]);
  const auto count = reader.Read<uint32_t>();
  if (!reader.ok || count == 0) return nullptr;
  struct Entry {
    int32_t start;
    int32_t description;
  };
  const auto* const table = reinterpret_cast<const Entry*>(reader.at);
  const auto wanted = static_cast<int64_t>(address - reinterpret_cast<uint64_t>(header));
  uint32_t low = 0;
  for (uint32_t high = count; high - low > 1;) {
    const uint32_t middle = low + (high - low) / 2;
    (table[middle].start <= wanted ? low : high) = middle;
  }
  return table[low].start <= wanted ? header + table[low].description : nullptr;
}

// What many descriptions have in common.
struct Common {
  uint64_t code_align = 1;
  int64_t data_align = 1;
  uint8_t pointer_encoding = 0;
  bool has_augmentation_data = false;
  Reader program{nullptr, nullptr, false};
};

Reader Record(const uint8_t* start) {
  uint32_t length;
  std::memcpy(&length, start, sizeof(length));
  // 0 ends the section; the escape to 64-bit lengths is not used in it.
  if (length == 0 || length == 0xffffffff) return {start, start, false};
  return {start + 4, start + 4 + length};
}

bool ReadCommon(const uint8_t* start, Common* common) {
  Reader reader = Record(start);
  if (reader.Read<uint32_t>() != 0) return false;
  const auto version = reader.Read<uint8_t>();
  if (version != 1 && version != 3) return false;
  const char* const augmentation = reinterpret_cast<const char*>(reader.at);
  reader.Skip(std::strlen(augmentation) + 1);
  common->code_align = reader.Unsigned();
  common->data_align = reader.Signed();
  const uint64_t return_address = version == 1 ? reader.Read<uint8_t>() : reader.Unsigned();
  if (!reader.ok || return_address != kReturnAddress) return false;
  const uint8_t* program = reader.at;
  for (const char* letter = augmentation; *letter != '\0'; ++letter) {
    switch (*letter) {
      case 'z': {
        const uint64_t nbytes = reader.Unsigned();
        common->has_augmentation_data = true;
        program = reader.at + nbytes;
        break;
      }
      case 'R':
        common->pointer_encoding = reader.Read<uint8_t>();
        break;
      case 'L':
        reader.Skip(1);
        break;
      case 'P': {
        const auto encoding = reader.Read<uint8_t>();
        if (encoding != kOmitted) reader.Pointer(static_cast<uint8_t>(encoding & ~kIndirect));
        break;
      }
      default:  // 'S' among them: a frame that a signal made keeps its registers elsewhere
        return false;
    }
  }
  common->program = {program, reader.end};
  return reader.ok && program <= reader.end;
}

// Where a register of the caller is.
struct Place {
  enum Kind : uint8_t { kSame, kAtCfa, kExpression, kUndefined, kOther };
  Kind kind = kSame;
  int64_t offset = 0;
  const uint8_t* expression = nullptr;
};

struct Row {
  uint64_t cfa_register = kRsp;
  int64_t cfa_offset = 0;
  const uint8_t* cfa_expression = nullptr;
  Place rbp;
  Place return_address;

  void Set(uint64_t reg, Place place) {
    if (reg == kRbp) rbp = place;
    if (reg == kReturnAddress) return_address = place;
  }
  Place Get(uint64_t reg) const { return reg == kRbp ? rbp : return_address; }
};

// Runs a program of call frame instructions up to the row for `address`.
class Interpreter {
 public:
  Interpreter(const Common& common, uint64_t start, uint64_t address)
      : common_(common), location_(start), address_(address) {}

  // `initial` is what DW_CFA_restore goes back to.
  bool Run(Reader program, const Row& initial, Row* row) {
    while (program.at < program.end && program.ok && location_ <= address_) {
      if (!Step(&program, initial, row)) return false;
    }
    return program.ok;
  }

 private:
  void Advance(uint64_t delta) { location_ += delta * common_.code_align; }
  int64_t Factored(int64_t value) const { return value * common_.data_align; }

  bool Step(Reader* program, const Row& initial, Row* row) {
    const auto code = program->Read<uint8_t>();
    const uint64_t operand = code & 0x3f;
    switch (code & 0xc0) {
      case 0x40:  // advance_loc
        Advance(operand);
        return true;
      case 0x80:  // offset
        row->Set(operand,
                 {Place::kAtCfa, Factored(static_cast<int64_t>(program->Unsigned())), nullptr});
        return true;
      case 0xc0:  // restore
        row->Set(operand, initial.Get(operand));
        return true;
      default:
        return Extended(code, program, initial, row);
    }
  }

  bool Extended(uint8_t code, Reader* program, const Row& initial, Row* row) {
    switch (code) {
      case 0x00:  // nop
        return true;
      case 0x01:  // set_loc
        location_ = program->Pointer(common_.pointer_encoding);
        return true;
      case 0x02:  // advance_loc1
        Advance(program->Read<uint8_t>());
        return true;
      case 0x03:  // advance_loc2
        Advance(program->Read<uint16_t>());
        return true;
      case 0x04:  // advance_loc4
        Advance(program->Read<uint32_t>());
        return true;
      case 0x05:    // offset_extended
      case 0x11:    // offset_extended_sf
      case 0x14:    // val_offset
      case 0x15: {  // val_offset_sf
        const uint64_t reg = program->Unsigned();
        const int64_t factor = code == 0x05 || code == 0x14
                                   ? static_cast<int64_t>(program->Unsigned())
                                   : program->Signed();
        row->Set(reg, {code < 0x14 ? Place::kAtCfa : Place::kOther, Factored(factor), nullptr});
        return true;
      }
      case 0x06: {  // restore_extended
        const uint64_t reg = program->Unsigned();
        row->Set(reg, initial.Get(reg));
        return true;
      }
      case 0x07:  // undefined
        row->Set(program->Unsigned(), {Place::kUndefined, 0, nullptr});
        return true;
      case 0x08:  // same_value
        row->Set(program->Unsigned(), {});
        return true;
      case 0x09: {  // register
        const uint64_t reg = program->Unsigned();
        program->Unsigned();
        row->Set(reg, {Place::kOther, 0, nullptr});
        return true;
      }
      case 0x0a:  // remember_state
        if (depth_ == kMostRemembered) return false;
        remembered_[depth_++] = *row;
        return true;
      case 0x0b:  // restore_state
        if (depth_ == 0) return false;
        *row = remembered_[--depth_];
        return true;
      default:
        return OfTheFrame(code, program, row);
    }
  }

  bool OfTheFrame(uint8_t code, Reader* program, Row* row) {
    switch (code) {
      case 0x0c:  // def_cfa
        row->cfa_register = program->Unsigned();
        row->cfa_offset = static_cast<int64_t>(program->Unsigned());
        row->cfa_expression = nullptr;
        return true;
      case 0x12:  // def_cfa_sf
        row->cfa_register = program->Unsigned();
        row->cfa_offset = Factored(program->Signed());
        row->cfa_expression = nullptr;
        return true;
      case 0x0d:  // def_cfa_register
        row->cfa_register = program->Unsigned();
        return true;
      case 0x0e:  // def_cfa_offset
        row->cfa_offset = static_cast<int64_t>(program->Unsigned());
        return true;
      case 0x13:  // def_cfa_offset_sf
        row->cfa_offset = Factored(program->Signed());
        return true;
      case 0x0f:  // def_cfa_expression
        row->cfa_expression = program->at;
        program->Skip(program->Unsigned());
        return true;
      case 0x10:    // expression
      case 0x16: {  // val_expression
        const uint64_t reg = program->Unsigned();
        row->Set(reg, {code == 0x10 ? Place::kExpression : Place::kOther, 0, program->at});
        program->Skip(program->Unsigned());
        return true;
      }
      case 0x2e:  // GNU_args_size: of no matter here
        program->Unsigned();
        return true;
      default:
        return false;
    }
  }

  static constexpr int kMostRemembered = 16;

  const Common& common_;
  uint64_t location_;
  const uint64_t address_;
  Row remembered_[kMostRemembered];
  int depth_ = 0;
};

// Whether an expression, given with its length in front, is rbp + *offset, and with `deref` the word
// there: what compilers write for functions that align their stack.
bool IsOffsetFromRbp(const uint8_t* expression, bool deref, int64_t* offset) {
  constexpr uint8_t kBreg6 = 0x76;
  constexpr uint8_t kDeref = 0x06;
  Reader length = {expression, expression + 10};
  const uint64_t nbytes = length.Unsigned();
  Reader reader = {length.at, length.at + nbytes};
  if (reader.Read<uint8_t>() != kBreg6) return false;
  *offset = reader.Signed();
  if (deref && reader.Read<uint8_t>() != kDeref) return false;
  return reader.ok && reader.at == reader.end;
}

UnwindRule RuleOf(const Row& row) {
  UnwindRule rule;
  if (row.return_address.kind == Place::kUndefined) {
    rule.kind = UnwindRule::kEnd;
    return rule;
  }
  if (row.return_address.kind != Place::kAtCfa || row.return_address.offset != -8) {
    return kElsewhereRule;
  }
  int64_t cfa_offset = row.cfa_offset;
  int64_t rbp_offset = 0;
  if (row.cfa_expression != nullptr) {
    if (!IsOffsetFromRbp(row.cfa_expression, true, &cfa_offset)) return kElsewhereRule;
    rule.kind = UnwindRule::kDerefRbp;
  } else if (row.cfa_register == kRsp) {
    rule.kind = UnwindRule::kFromRsp;
  } else if (row.cfa_register == kRbp) {
    rule.kind = UnwindRule::kFromRbp;
  } else {
    return kElsewhereRule;
  }
  switch (row.rbp.kind) {
    case Place::kSame:
      break;
    case Place::kAtCfa:
      rule.saved_rbp = UnwindRule::kAtCfa;
      rbp_offset = row.rbp.offset;
      break;
    case Place::kExpression:
      if (!IsOffsetFromRbp(row.rbp.expression, false, &rbp_offset)) return kElsewhereRule;
      rule.saved_rbp = UnwindRule::kAtRbp;
      break;
    default:
      return kElsewhereRule;
  }
  if (!Fits(cfa_offset, kMostCfaBits) || !Fits(rbp_offset, kMostRbpBits)) return kElsewhereRule;
  rule.cfa_offset = static_cast<int32_t>(cfa_offset);
  rule.rbp_offset = static_cast<int32_t>(rbp_offset);
  return rule;
}

}  // namespace

UnwindRule FindUnwindRule(uint64_t return_address) {
  // The call, not what follows it: a call that does not return may be a function's last.
  const uint64_t address = return_address - 1;
  const uint8_t* const description = FindDescription(address);
  if (description == nullptr) return kElsewhereRule;
  Reader reader = Record(description);
  const uint8_t* const common_field = reader.at;
  const auto to_common = reader.Read<uint32_t>();
  Common common;
  if (!reader.ok || to_common == 0 || !ReadCommon(common_field - to_common, &common)) {
    return kElsewhereRule;
  }
  const uint64_t start = reader.Pointer(common.pointer_encoding);
  const uint64_t size = reader.Pointer(common.pointer_encoding & 0x0f);
  if (common.has_augmentation_data) reader.Skip(reader.Unsigned());
  if (!reader.ok || address - start >= size) return kElsewhereRule;

  Row initial;
  if (!Interpreter(common, 0, 0).Run(common.program, {}, &initial)) return kElsewhereRule;
  Row row = initial;
  if (!Interpreter(common, start, address).Run(reader, initial, &row)) return kElsewhereRule;
  return RuleOf(row);
}

#else

// Other machines, and C libraries that can not find an object by its address.
UnwindRule FindUnwindRule(uint64_t) { return kElsewhereRule; }

#endif

}  // namespace alkaid::profile
