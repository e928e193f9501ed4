#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/auxv.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "alkaid/core/pools/function_name_internal.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"

namespace alkaid::internal {
namespace {

#if defined(DLFO_STRUCT_HAS_EH_DBASE)

using ::testing::HasSubstr;

constexpr char kProgram[] = "/proc/self/exe";

[[gnu::noinline]] int OfThisFileAlone(int number) { return number + 1; }

template <typename Function>
std::string NameOf(Function* function, const char* path, size_t room = 256) {
  const auto address = reinterpret_cast<uint64_t>(function) + 1;
  dl_find_object object;
  if (::_dl_find_object(reinterpret_cast<void*>(address), &object) != 0) return "not loaded";
  std::string text(room, '\0');
  return std::string(FunctionNameAt(address, object, path, text));
}

TEST(FunctionName, OfWhatTheFileAloneNamesIsReadFromIt) {
  EXPECT_THAT(NameOf(&OfThisFileAlone, kProgram), HasSubstr("OfThisFileAlone()"));
  EXPECT_EQ(NameOf(&OfThisFileAlone, nullptr), "");
}

TEST(FunctionName, OfADynamicSymbolNeedsNoFile) {
  EXPECT_EQ(NameOf(&default_memory_pool, nullptr), "alkaid::default_memory_pool()");
  EXPECT_EQ(NameOf(&std::abort, "/no/such/file"), "abort");
}

TEST(FunctionName, ThatIsTooLongIsCut) {
  EXPECT_EQ(NameOf(&default_memory_pool, nullptr, 10), "alkaid:...");
  EXPECT_EQ(NameOf(&default_memory_pool, nullptr, 29), "alkaid::default_memory_pool()");
  EXPECT_EQ(NameOf(&default_memory_pool, nullptr, 2), "al");
}

TEST(FunctionName, IsNotTakenFromAFileThatIsNotTheOneThatWasLoaded) {
  const std::string path = ::testing::TempDir() + "alkaid_function_name_test";
  std::filesystem::copy_file(kProgram, path, std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(NameOf(&OfThisFileAlone, path.c_str()), HasSubstr("OfThisFileAlone()"));
  // A different file, whose sections lie elsewhere; and one that is cut off.
  std::fstream(path, std::ios::in | std::ios::out).seekp(offsetof(ElfW(Ehdr), e_shoff)).put(1);
  EXPECT_EQ(NameOf(&OfThisFileAlone, path.c_str()), "");
  for (const uintmax_t size : {uintmax_t{0}, uintmax_t{64}, uintmax_t{5000}}) {
    std::filesystem::copy_file(kProgram, path, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(path, size);
    EXPECT_EQ(NameOf(&OfThisFileAlone, path.c_str()), "") << size;
  }
  std::filesystem::remove(path);
  EXPECT_EQ(NameOf(&OfThisFileAlone, "/dev/zero"), "");
}

// Its symbols' addresses differ from where it is loaded.
TEST(FunctionName, OfTheKernelsOwnObjectIsFound) {
  const uint64_t start = ::getauxval(AT_SYSINFO_EHDR);
  if (start == 0) GTEST_SKIP() << "this kernel gives programs no code";
  dl_find_object object;
  ASSERT_EQ(::_dl_find_object(reinterpret_cast<void*>(start), &object), 0);
  std::string text(256, '\0');
  bool found = false;
  const auto end = reinterpret_cast<uint64_t>(object.dlfo_map_end);
  for (uint64_t address = start; address < end && !found; ++address) {
    const auto name = FunctionNameAt(address, object, object.dlfo_link_map->l_name, text);
    found = name == "clock_gettime" || name == "__vdso_clock_gettime";
  }
  EXPECT_TRUE(found);
}

TEST(FunctionName, LeavesNoDescriptorOpen) {
  const auto count = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = count();
  EXPECT_THAT(NameOf(&OfThisFileAlone, kProgram), HasSubstr("OfThisFileAlone()"));
  EXPECT_EQ(count(), before);
}

#else

TEST(FunctionName, NeedsTheLinkersAnswerWithoutALock) {
  GTEST_SKIP() << "this C library has no _dl_find_object";
}

#endif

}  // namespace
}  // namespace alkaid::internal
