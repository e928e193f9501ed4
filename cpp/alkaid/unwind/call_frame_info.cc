#include <dlfcn.h>

#include <cstddef>
#include <cstring>

#include "alkaid/unwind/call_frame_info_internal.h"
#include "alkaid/unwind/frame_program_internal.h"
#include "alkaid/unwind/frame_reader_internal.h"

// From the C++ runtime: the frame description of an address, including registered ones.
struct RegisteredBases {
  void* text;
  void* data;
  void* function;
};
extern "C" [[gnu::weak]] const void* _Unwind_Find_FDE(void* address, RegisteredBases* bases);

namespace alkaid::unwind {
namespace {

constexpr int kMaxCfaBits = 28;
constexpr int kMaxRbpBits = 24;

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

// How a pointer is written (DW_EH_PE_*).
constexpr uint8_t kOmitted = 0xff;
constexpr uint8_t kIndirect = 0x80;

// Finds the frame description of an address, which covers a range of addresses.
const uint8_t* FindDescription(uint64_t address) {
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(address), &object) != 0) return nullptr;
  const auto* const header = static_cast<const uint8_t*>(object.dlfo_eh_frame);
  // Version 1, then the encodings of the pointer to the frames, of the count, and of the table: all
  // linkers write a table of sorted pairs, both relative to the header.
  if (header == nullptr || header[0] != 1 || header[3] != 0x3b || header[2] != 0x03) return nullptr;
  FrameReader reader = {header + 4, header + 64};
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

// What many descriptions share.
struct Common {
  FrameConstants constants;
  bool has_augmentation_data = false;
  FrameReader program{nullptr, nullptr, false};
};

FrameReader Record(const uint8_t* start) {
  uint32_t length;
  std::memcpy(&length, start, sizeof(length));
  // 0 ends the section; .eh_frame does not use the escape to 64-bit lengths.
  if (length == 0 || length == 0xffffffff) return {start, start, false};
  return {start + 4, start + 4 + length};
}

bool ReadCommon(const uint8_t* start, Common* common) {
  FrameReader reader = Record(start);
  if (reader.Read<uint32_t>() != 0) return false;
  const auto version = reader.Read<uint8_t>();
  if (version != 1 && version != 3) return false;
  const char* const augmentation = reinterpret_cast<const char*>(reader.at);
  reader.Skip(std::strlen(augmentation) + 1);
  common->constants.code_align = reader.Unsigned();
  common->constants.data_align = reader.Signed();
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
        common->constants.pointer_encoding = reader.Read<uint8_t>();
        break;
      case 'L':
        reader.Skip(1);
        break;
      case 'P': {
        const auto encoding = reader.Read<uint8_t>();
        if (encoding != kOmitted) reader.Pointer(static_cast<uint8_t>(encoding & ~kIndirect));
        break;
      }
      default:  // includes 'S': a signal's frame keeps its registers elsewhere
        return false;
    }
  }
  common->program = {program, reader.end};
  return reader.ok && program <= reader.end;
}

// Whether an expression, preceded by its length, is rbp + *offset, and with `deref` the word there:
// what compilers write for functions that align their stack.
bool IsOffsetFromRbp(const uint8_t* expression, bool deref, int64_t* offset) {
  constexpr uint8_t kBreg6 = 0x76;
  constexpr uint8_t kDeref = 0x06;
  FrameReader length = {expression, expression + 10};
  const uint64_t nbytes = length.Unsigned();
  FrameReader reader = {length.at, length.at + nbytes};
  if (reader.Read<uint8_t>() != kBreg6) return false;
  *offset = reader.Signed();
  if (deref && reader.Read<uint8_t>() != kDeref) return false;
  return reader.ok && reader.at == reader.end;
}

UnwindRule RuleOf(const FrameRow& row) {
  UnwindRule rule;
  if (row.return_address.kind == RegisterPlace::kUndefined) {
    rule.kind = UnwindRule::kEnd;
    return rule;
  }
  if (row.return_address.kind != RegisterPlace::kAtCfa || row.return_address.offset != -8) {
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
    case RegisterPlace::kSame:
      break;
    case RegisterPlace::kAtCfa:
      rule.saved_rbp = UnwindRule::kAtCfa;
      rbp_offset = row.rbp.offset;
      break;
    case RegisterPlace::kExpression:
      if (!IsOffsetFromRbp(row.rbp.expression, false, &rbp_offset)) return kElsewhereRule;
      rule.saved_rbp = UnwindRule::kAtRbp;
      break;
    default:
      return kElsewhereRule;
  }
  if (!Fits(cfa_offset, kMaxCfaBits) || !Fits(rbp_offset, kMaxRbpBits)) return kElsewhereRule;
  rule.cfa_offset = static_cast<int32_t>(cfa_offset);
  rule.rbp_offset = static_cast<int32_t>(rbp_offset);
  return rule;
}

}  // namespace

namespace {

const uint8_t* FindRegistered(uint64_t address) {
  if (_Unwind_Find_FDE == nullptr) return nullptr;
  RegisteredBases bases = {};
  return static_cast<const uint8_t*>(_Unwind_Find_FDE(reinterpret_cast<void*>(address), &bases));
}

UnwindRule RuleIn(const uint8_t* description, uint64_t address, uint64_t* function) {
  if (description == nullptr) return kElsewhereRule;
  FrameReader reader = Record(description);
  const uint8_t* const common_field = reader.at;
  const auto to_common = reader.Read<uint32_t>();
  Common common;
  if (!reader.ok || to_common == 0 || !ReadCommon(common_field - to_common, &common)) {
    return kElsewhereRule;
  }
  const uint64_t start = reader.Pointer(common.constants.pointer_encoding);
  const uint64_t size = reader.Pointer(common.constants.pointer_encoding & 0x0f);
  if (common.has_augmentation_data) reader.Skip(reader.Unsigned());
  if (!reader.ok || address - start >= size) return kElsewhereRule;

  FrameRow initial;
  if (!RunFrameProgram(common.constants, common.program, 0, 0, {}, &initial)) return kElsewhereRule;
  FrameRow row = initial;
  if (!RunFrameProgram(common.constants, reader, start, address, initial, &row)) {
    return kElsewhereRule;
  }
  *function = start;
  return RuleOf(row);
}

}  // namespace

// Both look up the call, not what follows it: a call that does not return may be a function's last
// instruction.
UnwindRule FindUnwindRule(uint64_t return_address, uint64_t* function) {
  return RuleIn(FindDescription(return_address - 1), return_address - 1, function);
}
UnwindRule FindRegisteredUnwindRule(uint64_t return_address, uint64_t* function) {
  return RuleIn(FindRegistered(return_address - 1), return_address - 1, function);
}

CodeKind KindOfCode(uint64_t return_address) {
  dl_find_object object;
  if (_dl_find_object(reinterpret_cast<void*>(return_address - 1), &object) == 0) {
    return CodeKind::kLibrarys;
  }
  return FindRegistered(return_address - 1) != nullptr ? CodeKind::kRegistered : CodeKind::kNone;
}

#else

// Other machines, and C libraries that cannot find an object by its address.
UnwindRule FindUnwindRule(uint64_t, uint64_t*) { return kElsewhereRule; }
UnwindRule FindRegisteredUnwindRule(uint64_t, uint64_t*) { return kElsewhereRule; }
CodeKind KindOfCode(uint64_t) { return CodeKind::kLibrarys; }

#endif

}  // namespace alkaid::unwind
