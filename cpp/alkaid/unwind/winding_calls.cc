#include "winding_calls.h"

#include <alloca.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace alkaid::unwind {
namespace {

// Keeps a value, and the frame that it lies in, from being optimised away.
template <typename T>
void Keep(const T& value) {
  asm volatile("" : : "r"(&value) : "memory");
}

struct Target {
  Look look;
  void* argument;
  void operator()() const {
    look(argument);
    Keep(*this);
  }
};

[[gnu::noinline]] void Plain(Look look, void* argument) { Target{look, argument}(); }

[[gnu::noinline]] int64_t Recurse(int depth, const Target& target) {
  int64_t locals[3] = {depth, depth + 1, depth + 2};
  Keep(locals);
  if (depth == 0) {
    target();
    return 0;
  }
  return Recurse(depth - 1, target) + locals[depth % 3];
}
void Recursive(Look look, void* argument) { Keep(Recurse(30, {look, argument})); }

[[gnu::noinline]] void WithManySaved(int64_t a, int64_t b, int64_t c, int64_t d, int64_t e,
                                     int64_t f, const Target& target, int64_t g, int64_t h) {
  target();
  Keep(a + b * c - d * e + f / (g + 1) + h);
}
void SavedRegisters(Look look, void* argument) {
  WithManySaved(1, 2, 3, 4, 5, 6, {look, argument}, 7, 8);
}

[[gnu::noinline]] void WithAlloca(size_t nbytes, const Target& target) {
  void* const block = alloca(nbytes);
  std::memset(block, 1, nbytes);
  Keep(block);
  target();
}
void VariableFrame(Look look, void* argument) {
  for (size_t nbytes : {17, 1000, 33333}) WithAlloca(nbytes, {look, argument});
}

// A frame that is aligned beyond the ABI's 16 bytes addresses its caller's by way of rbp.
[[gnu::noinline]] void AlignedTo(const Target& target, int64_t nbytes) {
  struct alignas(128) Line {
    char bytes[128];
  };
  Line line = {};
  void* const block = alloca(static_cast<size_t>(nbytes));
  Keep(line);
  Keep(block);
  target();
  Keep(line);
}
void AlignedFrame(Look look, void* argument) { AlignedTo({look, argument}, 100); }

[[gnu::noinline]] void WithLargeFrame(const Target& target) {
  std::array<char, 300000> large;
  Keep(large);
  target();
  Keep(large);
}
void LargeFrame(Look look, void* argument) { WithLargeFrame({look, argument}); }

const Target* through_c;
int CompareLooking(const void* a, const void* b) {
  (*through_c)();
  return *static_cast<const int*>(a) - *static_cast<const int*>(b);
}
void ThroughQsort(Look look, void* argument) {
  const Target target = {look, argument};
  through_c = &target;
  int values[] = {3, 1, 2};
  std::qsort(values, 3, sizeof(int), CompareLooking);
}

void ThroughCallOnce(Look look, void* argument) {
  std::once_flag once;
  std::call_once(once, [look, argument] { Target{look, argument}(); });
}

void ThroughFunctionObjects(Look look, void* argument) {
  const std::function<void(int)> target = [look, argument](int) { Target{look, argument}(); };
  const std::function<void()> outer = [&target] { target(1); };
  std::vector<int> values = {1};
  std::for_each(values.begin(), values.end(), [&outer](int) { outer(); });
}

struct LooksWhenItGoes {
  Target target;
  ~LooksWhenItGoes() { target(); }
};
[[gnu::noinline]] void Throw(const Target& target) {
  const LooksWhenItGoes going = {target};
  throw std::runtime_error("on purpose");
}
void WhileUnwinding(Look look, void* argument) {
  try {
    Throw({look, argument});
  } catch (const std::runtime_error& error) {
    Keep(error);
  }
}

void InAThread(Look look, void* argument) {
  std::thread([look, argument] { Recursive(look, argument); }).join();
}

}  // namespace

const std::vector<WindingCall>& AllWindingCalls() {
  static const std::vector<WindingCall> calls = {
      {"Plain", Plain},
      {"Recursive", Recursive},
      {"SavedRegisters", SavedRegisters},
      {"VariableFrame", VariableFrame},
      {"AlignedFrame", AlignedFrame},
      {"LargeFrame", LargeFrame},
      {"ThroughQsort", ThroughQsort},
      {"ThroughCallOnce", ThroughCallOnce},
      {"ThroughFunctionObjects", ThroughFunctionObjects},
      {"WhileUnwinding", WhileUnwinding},
      {"InAThread", InAThread},
  };
  return calls;
}

}  // namespace alkaid::unwind
