#include "alkaid/unwind/frame_program_internal.h"

namespace alkaid::unwind {
namespace {

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
      case 0x40:  // advance_loc
        Advance(operand);
        return true;
      case 0x80:  // offset
        row->Set(operand, {RegisterPlace::kAtCfa,
                           Factored(static_cast<int64_t>(program->Unsigned())), nullptr});
        return true;
      case 0xc0:  // restore
        row->Set(operand, initial.Get(operand));
        return true;
      default:
        return Extended(code, program, initial, row);
    }
  }

  bool Extended(uint8_t code, FrameReader* program, const FrameRow& initial, FrameRow* row) {
    switch (code) {
      case 0x00:  // nop
        return true;
      case 0x01:  // set_loc
        location_ = program->Pointer(constants_.pointer_encoding);
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
        row->Set(reg, {code < 0x14 ? RegisterPlace::kAtCfa : RegisterPlace::kOther,
                       Factored(factor), nullptr});
        return true;
      }
      case 0x06: {  // restore_extended
        const uint64_t reg = program->Unsigned();
        row->Set(reg, initial.Get(reg));
        return true;
      }
      case 0x07:  // undefined
        row->Set(program->Unsigned(), {RegisterPlace::kUndefined, 0, nullptr});
        return true;
      case 0x08:  // same_value
        row->Set(program->Unsigned(), {});
        return true;
      case 0x09: {  // register
        const uint64_t reg = program->Unsigned();
        program->Unsigned();
        row->Set(reg, {RegisterPlace::kOther, 0, nullptr});
        return true;
      }
      case 0x0a:  // remember_state
        if (depth_ == kMaxRemembered) return false;
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

  bool OfTheFrame(uint8_t code, FrameReader* program, FrameRow* row) {
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
        row->Set(reg, {code == 0x10 ? RegisterPlace::kExpression : RegisterPlace::kOther, 0,
                       program->at});
        program->Skip(program->Unsigned());
        return true;
      }
      case 0x2e:  // GNU_args_size: irrelevant here
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
