// PythonLayout: where CPython keeps what a stack trace needs, by version.
//
// Offsets in bytes, of 64-bit builds with the global lock. The structures of a version are fixed
// from its first release on; they differ between versions. A thread's state leads to its frames,
// innermost first. Up to 3.12 it leads to a chain of call records, one for each call of the
// interpreter's loop; the record lies in that call's own frame on the C stack. From 3.13 on it
// leads to the frames directly. The frames of one call end with a frame that is marked as the entry
// (3.11), or with a frame that lies on the C stack and has no code.
//
//     3.11, 3.12:  PyThreadState -> _PyCFrame (innermost call) -> _PyCFrame (outer call) -> ...
//                                       +-> frame -> frame -> end     +-> frame -> end
//     3.13:        PyThreadState -> frame -> frame -> end -> frame -> end -> ...
//
// Ownership: constants. Threads: any.
#pragma once

#include <cstdint>

namespace alkaid::heap {

struct PythonLayout {
  uint16_t version;        // major * 256 + minor
  bool has_calls;          // the thread's state leads to a chain of calls, not to a frame
  uint16_t thread_frames;  // in PyThreadState
  uint16_t call_frame;     // in _PyCFrame: the innermost frame
  uint16_t call_previous;  //   and the outer call
  uint16_t frame_code;     // in _PyInterpreterFrame
  uint16_t frame_previous;
  uint16_t frame_instruction;  // the current one
  uint16_t frame_owner;        // a byte
  uint16_t frame_is_entry;     // a byte; 0: none, see frame_owner
  uint16_t code_first_line;    // in PyCodeObject
  uint16_t code_first_traceable;
  uint16_t code_instructions;
  uint16_t ascii_bytes;    // the characters of an ASCII str
  uint16_t unicode_bytes;  // of any other str
};

inline constexpr PythonLayout kPythonLayouts[] = {
    {0x30b, true, 56, 8, 16, 32, 48, 56, 69, 68, 72, 168, 184, 48, 72},
    {0x30c, true, 56, 0, 8, 0, 8, 56, 70, 0, 68, 176, 192, 40, 56},
    {0x30d, false, 72, 0, 0, 0, 8, 56, 70, 0, 68, 184, 200, 40, 56},
};
// The same in all versions.
inline constexpr uint16_t kPythonType = 8;  // of any object: its type
inline constexpr uint16_t kPythonSize = 16;
inline constexpr uint16_t kPythonBytes = 32;   // of a bytes: its first byte
inline constexpr uint16_t kUnicodeState = 32;  // of a str: how its characters are stored
inline constexpr uint16_t kCodeNames = 112;    // co_filename, co_name, co_qualname, co_linetable
inline constexpr uint8_t kOwnedByGenerator = 1;
inline constexpr uint8_t kOwnedByCStack = 3;  // from 3.12 on

}  // namespace alkaid::heap
