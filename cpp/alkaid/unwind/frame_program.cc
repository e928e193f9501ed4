#include "alkaid/unwind/frame_program_internal.h"

namespace alkaid::unwind {
namespace {

// DW_CFA_..., from DWARF 5, 7.24. The first three have their operand in the low six bits.
enum Instruction : uint8_t {
  kAdvanceLoc = 0x40,
  kOffset = 0x80,
  kRestore = 0xc0,
  kNop = 0x00,
  kSetLoc = 0x01,
  kAdvanceLoc1 = 0x02,
  kAdvanceLoc2 = 0x03,
  kAdvanceLoc4 = 0x04,
  kOffsetExtended = 0x05,
  kRestoreExtended = 0x06,
  kUndefined = 0x07,
  kSameValue = 0x08,
  kRegister = 0x09,
  kRememberState = 0x0a,
  kRestoreState = 0x0b,
  kDefCfa = 0x0c,
  kDefCfaRegister = 0x0d,
  kDefCfaOffset = 0x0e,
  kDefCfaExpression = 0x0f,
  kExpression = 0x10,
  kOffsetExtendedSf = 0x11,
  kDefCfaSf = 0x12,
  kDefCfaOffsetSf = 0x13,
  kValOffset = 0x14,
  kValOffsetSf = 0x15,
  kValExpression = 0x16,
  kGNUArgsSize = 0x2e,
};

// Runs a program of call frame instructions up to the row for `address`.
class Interpreter {
 public:
  Interpreter(const FrameConstants& constants, uint64_t start, uint64_t address)
      : constants_(constants), location_(start), address_(address) {}

  // `initial` is the row that DW_CFA_restore goes back to.
  bool Run(FrameReader program, const FrameRow& initial, FrameRow* row) {
    while (program.at < program.end && program.ok && location_ <= address_) {
      if (!Step(&program, initial, row)) return false;
    }
    return program.ok;
  }

 private:
  void Advance(uint64_t delta) { location_ += delta * constants_.code_align; }
  int64_t Factored(int64_t value) const { return value * constants_.data_align; }

  bool Step(FrameReader* program, const FrameRow& initial, FrameRow* row) {
    const auto code = program->Read<uint8_t>();
    const uint64_t operand = code & 0x3f;
    switch (code & 0xc0) {
      case kAdvanceLoc:
        Advance(operand);
        return true;
      case kOffset:
        row->Set(operand, {RegisterPlace::kAtCfa,
                           Factored(static_cast<int64_t>(program->Unsigned())), nullptr});
        return true;
      case kRestore:
        row->Set(operand, initial.Get(operand));
        return true;
      default:
        return Extended(code, program, initial, row);
    }
  }

  bool Extended(uint8_t code, FrameReader* program, const FrameRow& initial, FrameRow* row) {
    switch (code) {
      case kNop:
        return true;
      case kSetLoc:
        location_ = program->Pointer(constants_.pointer_encoding);
        return true;
      case kAdvanceLoc1:
        Advance(program->Read<uint8_t>());
        return true;
      case kAdvanceLoc2:
        Advance(program->Read<uint16_t>());
        return true;
      case kAdvanceLoc4:
        Advance(program->Read<uint32_t>());
        return true;
      case kOffsetExtended:
      case kOffsetExtendedSf:
      case kValOffset:
      case kValOffsetSf: {
        const uint64_t reg = program->Unsigned();
        const int64_t factor = code == kOffsetExtended || code == kValOffset
                                   ? static_cast<int64_t>(program->Unsigned())
                                   : program->Signed();
        row->Set(reg, {code < kValOffset ? RegisterPlace::kAtCfa : RegisterPlace::kOther,
                       Factored(factor), nullptr});
        return true;
      }
      case kRestoreExtended: {
        const uint64_t reg = program->Unsigned();
        row->Set(reg, initial.Get(reg));
        return true;
      }
      case kUndefined:
        row->Set(program->Unsigned(), {RegisterPlace::kUndefined, 0, nullptr});
        return true;
      case kSameValue:
        row->Set(program->Unsigned(), {});
        return true;
      case kRegister: {
        const uint64_t reg = program->Unsigned();
        program->Unsigned();
        row->Set(reg, {RegisterPlace::kOther, 0, nullptr});
        return true;
      }
      case kRememberState:
        if (depth_ == kMaxRemembered) return false;
        remembered_[depth_++] = *row;
        return true;
      case kRestoreState:
        if (depth_ == 0) return false;
        *row = remembered_[--depth_];
        return true;
      default:
        return OfTheFrame(code, program, row);
    }
  }

  bool OfTheFrame(uint8_t code, FrameReader* program, FrameRow* row) {
    switch (code) {
      case kDefCfa:
        row->cfa_register = program->Unsigned();
        row->cfa_offset = static_cast<int64_t>(program->Unsigned());
        row->cfa_expression = nullptr;
        return true;
      case kDefCfaSf:
        row->cfa_register = program->Unsigned();
        row->cfa_offset = Factored(program->Signed());
        row->cfa_expression = nullptr;
        return true;
      case kDefCfaRegister:
        row->cfa_register = program->Unsigned();
        return true;
      case kDefCfaOffset:
        row->cfa_offset = static_cast<int64_t>(program->Unsigned());
        return true;
      case kDefCfaOffsetSf:
        row->cfa_offset = Factored(program->Signed());
        return true;
      case kDefCfaExpression:
        row->cfa_expression = program->at;
        program->Skip(program->Unsigned());
        return true;
      case kExpression:
      case kValExpression: {
        const uint64_t reg = program->Unsigned();
        row->Set(reg, {code == kExpression ? RegisterPlace::kExpression : RegisterPlace::kOther, 0,
                       program->at});
        program->Skip(program->Unsigned());
        return true;
      }
      case kGNUArgsSize:  // irrelevant here
        program->Unsigned();
        return true;
      default:
        return false;
    }
  }

  static constexpr int kMaxRemembered = 16;

  const FrameConstants& constants_;
  uint64_t location_;
  const uint64_t address_;
  FrameRow remembered_[kMaxRemembered];
  int depth_ = 0;
};

}  // namespace

bool RunFrameProgram(const FrameConstants& constants, FrameReader program, uint64_t start,
                     uint64_t address, const FrameRow& initial, FrameRow* row) {
  return Interpreter(constants, start, address).Run(program, initial, row);
}

}  // namespace alkaid::unwind
