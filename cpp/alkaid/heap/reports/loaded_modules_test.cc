#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "alkaid/base/version.h"
#include "alkaid/heap/reports/loaded_modules_internal.h"

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
  // Debian's C library has one, whatever this project's own files have.
  const HeapModule* libc = Find(modules, reinterpret_cast<const void*>(&::strtol));
  ASSERT_NE(libc, nullptr);
  EXPECT_EQ(libc->build_id.size(), 20U) << libc->path;
  for (size_t i = 1; i < modules.size(); ++i) {
    EXPECT_LE(modules[i - 1].start, modules[i].start);
  }
}

}  // namespace
}  // namespace alkaid::heap
