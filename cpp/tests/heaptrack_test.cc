// heaptrack must see the blocks of the `system` pool, although it does not know memalign.
//
//   alkaid_heaptrack_test          runs itself under heaptrack, and reads the result
//   alkaid_heaptrack_test child    allocates three blocks and frees one
//
// Exit code 77, with the reason, where there is no heaptrack.
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>

#include "alkaid/core/pools/memory_pool.h"

namespace {

constexpr int64_t kSize = 1'234'567;

int AllocateThreeAndFreeOne() {
  alkaid::MemoryPool* const pool = alkaid::system_memory_pool();
  uint8_t* blocks[3] = {};
  for (uint8_t*& block : blocks) {
    if (!pool->Allocate(kSize, &block).ok()) return 1;
    std::memset(block, 1, 64);
  }
  pool->Free(blocks[1], kSize);
  return 0;
}

std::string OutputOf(const std::string& command) {
  std::string text;
  FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return "";
  char buffer[4096];
  for (size_t n; (n = fread(buffer, 1, sizeof(buffer), pipe)) > 0;) text.append(buffer, n);
  return pclose(pipe) == 0 ? text : "FAILED: " + command + "\n" + text;
}

int LookUnderHeaptrack(const std::string& self, const std::string& folder) {
  const std::string ran = OutputOf("heaptrack -o " + folder + "/found -- " + self + " child");
  // The file's ending depends on the compression that heaptrack was built with.
  const std::string found =
      OutputOf("heaptrack_print --print-leaks 1 -f \"$(ls " + folder + "/found.*)\"");
  const size_t leaks = found.find("MEMORY LEAKS");
  const size_t line = found.find("2.47M leaked over ", leaks);
  if (leaks != std::string::npos && line != std::string::npos) return 0;
  const size_t totals = found.rfind("total runtime");
  std::printf("FAILED: heaptrack does not tell of 2 blocks of %lld bytes\n%s\n%s\n",
              static_cast<long long>(kSize), ran.c_str(),
              found.substr(std::min(totals, found.size())).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return AllocateThreeAndFreeOne();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  std::puts("SKIPPED: malloc is the sanitizer's");
  return 77;
#endif
  if (OutputOf("heaptrack --version").find("heaptrack 1") == std::string::npos) {
    std::puts("SKIPPED: heaptrack is not installed");
    return 77;
  }
  char folder[] = "/tmp/alkaid_heaptrack_XXXXXX";
  if (mkdtemp(folder) == nullptr) return 1;
  const int failed = LookUnderHeaptrack(std::filesystem::absolute(argv[0]), folder);
  std::filesystem::remove_all(folder);
  return failed;
}
