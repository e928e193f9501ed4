// Calls that wind through all kinds of frames, for the tests of unwinding: they are compiled without
// frame pointers, and pass through functions of the C and C++ libraries that have none either.
//
// Not installed. Threads: any. Out of memory: throws.
#pragma once

#include <string>
#include <vector>

namespace alkaid::unwind {

using Look = void (*)(void* argument);

struct WindingCall {
  std::string name;
  void (*run)(Look look, void* argument);
};

// Each calls `look(argument)` at its innermost point, at least once.
const std::vector<WindingCall>& AllWindingCalls();

}  // namespace alkaid::unwind
