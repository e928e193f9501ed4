// Stack traces through a library that was unloaded, rebuilt with other frames, and loaded at the
// same place.
//
//   alkaid_stack_trace_reload_test SMALL.so LARGE.so
//
// Exit code 77 if the loader put the second one elsewhere: then there is nothing to test.
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "alkaid/unwind/stack_trace.h"

namespace {

using alkaid::unwind::CaptureStack;
using alkaid::unwind::Unwinder;

constexpr int kMax = 64;

struct Sight {
  std::array<uint64_t, kMax> by_rules;
  std::array<uint64_t, kMax> by_runtime;
  int rules_depth;
  int runtime_depth;
};
Sight sight;

void Look() {
  sight.rules_depth = CaptureStack(Unwinder::kCallFrameInfo, sight.by_rules.data(), kMax);
  sight.runtime_depth = CaptureStack(Unwinder::kRuntime, sight.by_runtime.data(), kMax);
}

// The innermost frame differs between the two calls.
bool Same() {
  return sight.rules_depth > 3 && sight.rules_depth == sight.runtime_depth &&
         std::equal(sight.by_rules.begin() + 1, sight.by_rules.begin() + sight.rules_depth,
                    sight.by_runtime.begin() + 1);
}

// Returns where the library is, or null; counts the walks that went wrong.
void* Use(const char* plugin, int times, int* wrong) {
  void* const library = dlopen(plugin, RTLD_NOW);
  if (library == nullptr) return nullptr;
  void* const place = dlsym(library, "alkaid_plugin_call");
  auto* const call = reinterpret_cast<void (*)(void (*)())>(place);
  for (int i = 0; i < times; ++i) {
    call(Look);
    if (!Same()) ++*wrong;
  }
  dlclose(library);
  return place;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 1;
  int wrong = 0;
  const void* const first = Use(argv[1], 3, &wrong);
  const void* const second = Use(argv[2], 2000, &wrong);
  if (first == nullptr || second == nullptr) {
    std::printf("FAILED: no plugin: %s\n", dlerror());
    return 1;
  }
  std::printf("%d of 2003 stack traces were wrong\n", wrong);
  if (wrong != 0) return 1;
  if (first == second) return 0;
  std::printf("SKIPPED: the second library came to lie elsewhere\n");
  return 77;
}
