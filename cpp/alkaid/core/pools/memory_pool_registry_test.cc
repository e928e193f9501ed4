#include "alkaid/core/pools/memory_pool_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <utility>

#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/pmr.h"
#include "alkaid/core/pools/stl_allocator.h"

namespace alkaid {
namespace {

using ::testing::HasSubstr;

// A backend as a user writes one.
struct PlainAllocator {
  Status AllocateAligned(int64_t size, int64_t alignment, uint8_t** out) {
    const size_t rounded = static_cast<size_t>((size + alignment - 1) / alignment * alignment);
    void* block = std::aligned_alloc(static_cast<size_t>(alignment), rounded);
    if (block == nullptr) return internal::AllocatorRefused("allocate", "plain", size, alignment);
    *out = static_cast<uint8_t*>(block);
    return absl::OkStatus();
  }
  Status ReallocateAligned(int64_t old_size, int64_t new_size, int64_t alignment, uint8_t** ptr) {
    uint8_t* block = nullptr;
    ALKAID_RETURN_NOT_OK(AllocateAligned(new_size, alignment, &block));
    std::copy_n(*ptr, std::min(old_size, new_size), block);
    std::free(*ptr);
    *ptr = block;
    return absl::OkStatus();
  }
  void DeallocateAligned(uint8_t* ptr, int64_t, int64_t) { std::free(ptr); }
  void ReleaseUnused() {}
  void PrintStats() {}
  std::string name() const { return "plain"; }
};

std::unique_ptr<MemoryPool> MakePlainPool() {
  return std::make_unique<BaseMemoryPoolImpl<PlainAllocator>>();
}

// The choice is made once per process, so each test that makes it runs in a process of its own:
// this program again, with only that test and with ALKAID_DEFAULT_MEMORY_POOL set to `variable`.
void InAProcessOfItsOwn(const char* variable, const std::function<void()>& body) {
  constexpr char kMark[] = "ALKAID_TEST_IN_A_PROCESS_OF_ITS_OWN";
  if (std::getenv(kMark) != nullptr) return body();
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const std::string filter =
      absl::StrCat("--gtest_filter=", test->test_suite_name(), ".", test->name());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    setenv(kMark, "1", 1);
    setenv("ALKAID_DEFAULT_MEMORY_POOL", variable, 1);
    execl("/proc/self/exe", "test", filter.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "wait status " << status;
}

TEST(MemoryPoolRegistry, BuiltInBackendsComeInTheOrderOfPreference) {
  std::vector<std::string> built_in;
  for (const MemoryBackend& backend : MemoryBackends()) {
    if (!backend.built_in) continue;
    built_in.push_back(backend.name);
    EXPECT_FALSE(backend.version.empty());
    auto pool = CreateMemoryPool(backend.name);
    ASSERT_TRUE(pool.ok());
    EXPECT_EQ((*pool)->backend_name(), backend.name);
  }
  ASSERT_FALSE(built_in.empty());
  EXPECT_EQ(built_in.back(), "system");
}

TEST(MemoryPoolRegistry, AnUnknownNameIsRefusedWithTheNamesThereAre) {
  const auto pool = CreateMemoryPool("tcmalloc");
  EXPECT_EQ(pool.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(pool.status().message()), HasSubstr("'tcmalloc'"));
  EXPECT_THAT(std::string(pool.status().message()), HasSubstr("system"));
}

TEST(MemoryPoolRegistry, ARegisteredBackendIsListedAndMadeAndCanNotBeTakenAgain) {
  InAProcessOfItsOwn("", [] {
    ASSERT_TRUE(RegisterMemoryBackend("plain", MakePlainPool, "1.0").ok());
    EXPECT_EQ(SupportedMemoryBackendNames().back(), "plain");
    auto pool = CreateMemoryPool("plain");
    ASSERT_TRUE(pool.ok());
    EXPECT_EQ((*pool)->backend_name(), "plain");
    EXPECT_EQ(RegisterMemoryBackend("plain", MakePlainPool).code(), StatusCode::kAlreadyExists);
    EXPECT_EQ(RegisterMemoryBackend("system", MakePlainPool).code(), StatusCode::kAlreadyExists);
  });
}

TEST(MemoryPoolRegistry, TheVariableMayNameARegisteredBackend) {
  InAProcessOfItsOwn("plain", [] {
    ASSERT_TRUE(RegisterMemoryBackend("plain", MakePlainPool).ok());
    EXPECT_EQ(default_memory_pool()->backend_name(), "plain");
    EXPECT_EQ(MemoryPool::CreateDefault()->backend_name(), "plain");
    EXPECT_EQ(ChosenDefaultMemoryBackend().reason, "ALKAID_DEFAULT_MEMORY_POOL=plain");
  });
}

TEST(MemoryPoolRegistry, AfterTheDefaultIsChosenNothingMoreIsRegistered) {
  default_memory_pool();
  EXPECT_EQ(RegisterMemoryBackend("too-late", MakePlainPool).code(),
            StatusCode::kFailedPrecondition);
}

TEST(MemoryPoolRegistry, ANameAndAFactoryAreBothNeeded) {
  EXPECT_EQ(RegisterMemoryBackend("", MakePlainPool).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(RegisterMemoryBackend("nothing", nullptr).code(), StatusCode::kInvalidArgument);
}

TEST(MemoryPoolRegistry, AFactoryThatReturnsNothingLeavesTheSystemBackendToServe) {
  InAProcessOfItsOwn("empty", [] {
    ASSERT_TRUE(RegisterMemoryBackend("empty", [] { return nullptr; }).ok());
    EXPECT_EQ(CreateMemoryPool("empty").status().code(), StatusCode::kFailedPrecondition);
    EXPECT_EQ(default_memory_pool()->backend_name(), "system");
  });
}

TEST(MemoryPoolRegistry, WithoutTheVariableTheFirstOfTheOrderServesAndTheReasonSaysSo) {
  InAProcessOfItsOwn("", [] {
    const std::string first = SupportedMemoryBackendNames().front();
    EXPECT_EQ(default_memory_pool()->backend_name(), first);
    EXPECT_EQ(ChosenDefaultMemoryBackend().name, first);
    EXPECT_THAT(ChosenDefaultMemoryBackend().reason, HasSubstr("is not set"));
  });
}

TEST(MemoryPoolRegistry, AnUnknownValueFallsBackAndTheReasonNamesItAndTheBackendsThereAre) {
  InAProcessOfItsOwn("System", [] {  // case-sensitive
    ::testing::internal::CaptureStderr();
    const DefaultMemoryBackend& chosen = ChosenDefaultMemoryBackend();
    default_memory_pool();
    const std::string warning = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(chosen.name, SupportedMemoryBackendNames().front());
    EXPECT_THAT(chosen.reason, HasSubstr("=System is not a backend"));
    EXPECT_THAT(chosen.reason, HasSubstr("system"));
    EXPECT_EQ(warning, "alkaid: " + chosen.reason + "\n");  // once, and only this
  });
}

// What a factory asks for, and whether it was refused.
template <typename Ask>
MemoryPoolFactory FactoryThatAsks(bool* refused, Ask ask) {
  return [refused, ask]() -> std::unique_ptr<MemoryPool> {
    try {
      ask();
    } catch (const std::logic_error& why) {
      *refused = std::string(why.what()).find("'asks'") != std::string::npos;
    }
    return MakePlainPool();
  };
}

TEST(MemoryPoolRegistry, AFactoryThatAsksForThePoolThatItMakesIsRefusedByEveryWay) {
  InAProcessOfItsOwn("asks", [] {
    static std::function<void()> ask;
    static bool refused;
    ASSERT_TRUE(RegisterMemoryBackend("asks", FactoryThatAsks(&refused, [] { ask(); })).ok());
    // Another factory in between leads back to it all the same.
    ASSERT_TRUE(RegisterMemoryBackend("detour", []() -> std::unique_ptr<MemoryPool> {
                  return *CreateMemoryPool("asks");
                }).ok());
    const std::pair<const char*, std::function<void()>> ways[] = {
        {"CreateDefault", [] { (void)MemoryPool::CreateDefault(); }},
        {"CreateMemoryPool", [] { (void)CreateMemoryPool("asks"); }},
        {"another factory", [] { (void)CreateMemoryPool("detour"); }},
        {"default_memory_pool", [] { default_memory_pool(); }},
        {"stl::allocator", [] { stl::allocator<int>(); }},
        {"PoolMemoryResource", [] { PoolMemoryResource(); }},
    };
    for (const auto& [name, way] : ways) {
      ask = way;
      refused = false;
      EXPECT_EQ(MemoryPool::CreateDefault()->backend_name(), "plain") << name;
      EXPECT_TRUE(refused) << name << ", asked for a pool of its own";
    }
    ask = ways[0].second;
    refused = false;
    EXPECT_EQ(default_memory_pool()->backend_name(), "plain");
    EXPECT_TRUE(refused);
    // Now the default pool exists.
    ask = [] { EXPECT_EQ(default_memory_pool()->backend_name(), "plain"); };
    refused = false;
    EXPECT_TRUE(CreateMemoryPool("asks").ok());
    EXPECT_FALSE(refused);
  });
}

TEST(MemoryPoolRegistry, AFactoryThatThrowsIsAskedAgain) {
  InAProcessOfItsOwn("throws", [] {
    static bool throws = true;
    ASSERT_TRUE(RegisterMemoryBackend("throws", [] {
                  if (throws) throw std::runtime_error("not yet");
                  return MakePlainPool();
                }).ok());
    EXPECT_THROW(default_memory_pool(), std::runtime_error);
    EXPECT_THROW((void)CreateMemoryPool("throws"), std::runtime_error);
    throws = false;
    EXPECT_EQ(default_memory_pool()->backend_name(), "plain");
  });
}

}  // namespace
}  // namespace alkaid
