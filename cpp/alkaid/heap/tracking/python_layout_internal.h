// Where CPython keeps what a stack trace needs, by version.
//
// Offsets in bytes, of 64-bit builds with the global lock. A version's structures stay as they are
// from its first release on; between versions they move. A thread's state leads to its frames,
// innermost first: by a chain of one record for each call of the interpreter's loop, which lies in
// that call's own frame on the C stack (up to 3.12), or directly. The frames of one such call end
// with one that is marked as the entry (3.11), or with one that lies on the C stack and has no
// code.
//
// Ownership: constants. Threads: any.
#pragma once

#include <cstdint>

namespace alkaid::heap {

struct PythonLayout {
  uint16_t version;        // major * 256 + minor
  bool has_calls;          // the thread's state leads to a chain of calls, else to a frame
  uint16_t thread_frames;  // in PyThreadState
  uint16_t call_frame;     // in _PyCFrame: the innermost frame
  uint16_t call_previous;  //   and the call around
  uint16_t frame_code;     // in _PyInterpreterFrame
  uint16_t frame_previous;
  uint16_t frame_instruction;  // that it has come to
  uint16_t frame_owner;        // a byte
  uint16_t frame_is_entry;     // a byte; 0: told by its owner
  uint16_t code_first_line;    // in PyCodeObject
  uint16_t code_first_traceable;
  uint16_t code_instructions;
  uint16_t ascii_bytes;    // of a str of ASCII: its characters
  uint16_t unicode_bytes;  // of any other
};

inline constexpr PythonLayout kPythonLayouts[] = {
    {0x30b, true, 56, 8, 16, 32, 48, 56, 69, 68, 72, 168, 184, 48, 72},
    {0x30c, true, 56, 0, 8, 0, 8, 56, 70, 0, 68, 176, 192, 40, 56},
    {0x30d, false, 72, 0, 0, 0, 8, 56, 70, 0, 68, 184, 200, 40, 56},
};
// What is alike in all of them.
inline constexpr uint16_t kPythonType = 8;  // of any object: its type
inline constexpr uint16_t kPythonSize = 16;
inline constexpr uint16_t kPythonBytes = 32;   // of a bytes: its first byte
inline constexpr uint16_t kUnicodeState = 32;  // of a str: how its characters are kept
inline constexpr uint16_t kCodeNames = 112;    // co_filename, co_name, co_qualname, co_linetable
inline constexpr uint8_t kOwnedByGenerator = 1;
inline constexpr uint8_t kOwnedByCStack = 3;  // from 3.12 on

}  // namespace alkaid::heap
