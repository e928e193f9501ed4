#include <gtest/gtest.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "alkaid/base/version.h"
#include "alkaid/heap/reports/loaded_modules_internal.h"
#include "fixtures/child_process.h"

namespace alkaid::heap {
namespace {

const HeapModule* Find(const std::vector<HeapModule>& modules, const void* address) {
  const auto wanted = reinterpret_cast<uint64_t>(address);
  for (const HeapModule& module : modules) {
    if (module.start <= wanted && wanted < module.end) return &module;
  }
  return nullptr;
}

void SomeFunction() {}

TEST(LoadedModules, TellTheProgramAndItsLibrariesWithTheirBuildIds) {
  const std::vector<HeapModule> modules = LoadedModules();
  const HeapModule* program = Find(modules, reinterpret_cast<const void*>(&SomeFunction));
  ASSERT_NE(program, nullptr);
  EXPECT_NE(program->path.find("alkaid_heap_reports_test"), std::string::npos) << program->path;
  const HeapModule* library = Find(modules, reinterpret_cast<const void*>(&LoadedModules));
  ASSERT_NE(library, nullptr);
  EXPECT_NE(library->path.find("libalkaid.so"), std::string::npos) << library->path;
  // Debian's C library has a build-id, whether or not this project's own files have one.
  const HeapModule* libc = Find(modules, reinterpret_cast<const void*>(&::strtol));
  ASSERT_NE(libc, nullptr);
  EXPECT_EQ(libc->build_id.size(), 20U) << libc->path;
  for (size_t i = 1; i < modules.size(); ++i) {
    EXPECT_LE(modules[i - 1].start, modules[i].start);
  }
}

#if !defined(__SANITIZE_ADDRESS__)  // its malloc may be locked in the child
// How many of the parent's modules the child does not find unchanged.
int CountOfOthers(const std::vector<HeapModule>& parents) {
  const std::vector<HeapModule> modules = LoadedModules();
  return static_cast<int>(std::ranges::count_if(parents, [&modules](const HeapModule& wanted) {
    return std::ranges::none_of(modules, [&wanted](const HeapModule& module) {
      return module.start == wanted.start && module.end == wanted.end &&
             module.bias == wanted.bias && module.build_id == wanted.build_id &&
             !module.path.empty();
    });
  }));
}

TEST(LoadedModules, AreTheSameInAChildWhoseParentHeldTheLinkersLock) {
  const std::vector<HeapModule> parents = LoadedModules();
  std::atomic<int> step{0};
  std::thread holder([&step] {
    ::dl_iterate_phdr(
        [](dl_phdr_info*, size_t, void* argument) {
          auto* const at = static_cast<std::atomic<int>*>(argument);
          *at = 1;
          while (*at != 2) ::usleep(100);
          return 1;
        },
        &step);
  });
  while (step != 1) ::usleep(100);
  const pid_t child = internal::StartChild([&parents] { return CountOfOthers(parents); });
  step = 2;
  holder.join();
  EXPECT_EQ(internal::EndOfChild(child), 0) << "the number of modules that differ, or a signal";
}
#endif

}  // namespace
}  // namespace alkaid::heap
