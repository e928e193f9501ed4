// A fault that fuzzing must find: reads one byte past an input that starts with "fuzz".
//
// Fuzzing without findings proves something only if it finds this: ci/fuzz.sh runs it first.

#include <cstddef>
#include <cstdint>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static constexpr uint8_t kWord[] = {'f', 'u', 'z', 'z'};
  if (size < sizeof(kWord)) return 0;
  for (size_t i = 0; i < sizeof(kWord); ++i) {
    if (data[i] != kWord[i]) return 0;
  }
  volatile const uint8_t past = data[size];
  return past == 0 ? 0 : -1;
}
