// ALKAID_DEFAULT_MEMORY_POOL, seen from outside: every case is a process of its own, since the
// choice is made once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/pools/base_memory_pool.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/core/pools/stl_allocator.h"
#include "fixtures/child_process.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

using internal::ChildResult;
using internal::RunSelf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

// The child's part: registers "arena" when told to, then prints who serves the default pool.

struct ArenaAllocator : internal::StandardByteAllocator<std::allocator<uint8_t>> {
  std::string name() const { return "arena"; }
};

int UseTheDefaultPool(bool registers) {
  if (registers && !RegisterMemoryBackend("arena", [] {
                      return std::make_unique<BaseMemoryPoolImpl<ArenaAllocator>>();
                    }).ok()) {
    return 3;
  }
  // Several uses of all kinds, from several threads: each warning must appear once.
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      default_memory_pool();
      MemoryPool::CreateDefault();
    });
  }
  for (std::thread& thread : threads) thread.join();
  MemoryPool* pool = default_memory_pool();
  uint8_t* block = nullptr;
  if (!pool->Allocate(1000, &block).ok() || pool->bytes_allocated() != 1000) return 4;
  pool->Free(block, 1000);
  if (MemoryPool::CreateDefault()->backend_name() != pool->backend_name()) return 5;
  if (ChosenDefaultMemoryBackend().name != pool->backend_name()) return 6;
  std::printf("%s\n", pool->backend_name().c_str());
  return 0;
}

int AskInTheFactory() {
  const Status registered = RegisterMemoryBackend("arena", [] {
    default_memory_pool();
    return std::make_unique<BaseMemoryPoolImpl<ArenaAllocator>>();
  });
  if (!registered.ok()) return 3;
  try {
    default_memory_pool();
  } catch (const std::logic_error& refused) {
    std::printf("%s\n", refused.what());
    return 0;
  }
  return 4;
}

std::atomic<bool> making{false}, forked{false};

// A child of a fork that came while another thread was making the default pool.
int ForkWhileItIsMade() {
  const Status registered = RegisterMemoryBackend("arena", [] {
    making = true;
    while (!forked) std::this_thread::yield();
    return std::make_unique<BaseMemoryPoolImpl<ArenaAllocator>>();
  });
  if (!registered.ok()) return 3;
  std::thread maker([] { default_memory_pool(); });
  while (!making) std::this_thread::yield();
  const pid_t child = ::fork();
  forked = true;
  if (child == 0) {
    ::alarm(30);
    uint8_t* block = nullptr;
    ::_exit(default_memory_pool()->Allocate(1000, &block).ok() ? 0 : 5);
  }
  maker.join();
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return 6;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return 7;
  std::printf("%s\n", default_memory_pool()->backend_name().c_str());
  return 0;
}

ChildResult WithVariable(std::optional<std::string> value, const char* what = "plain") {
  return RunSelf({what}, {{"ALKAID_DEFAULT_MEMORY_POOL", std::move(value)}});
}

std::string FirstBackend() { return SupportedMemoryBackendNames().front(); }

TEST(DefaultPoolEnvironment, EachBackendThatIsBuiltInCanBeChosen) {
  for (const std::string& name : SupportedMemoryBackendNames()) {
    const ChildResult child = WithVariable(name);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_EQ(child.out, name + "\n");
    EXPECT_THAT(child.err, IsEmpty());
  }
}

TEST(DefaultPoolEnvironment, WithoutAValueTheFirstBackendServesAndNothingIsSaid) {
  for (const auto& value : {std::optional<std::string>(), std::optional<std::string>("")}) {
    const ChildResult child = WithVariable(value);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_EQ(child.out, FirstBackend() + "\n");
    EXPECT_THAT(child.err, IsEmpty());
  }
}

TEST(DefaultPoolEnvironment, TheOrderIsMimallocThenJemallocThenSystem) {
  std::vector<std::string> built_in;
  for (const std::string name : {"mimalloc", "jemalloc", "system"}) {
    const std::vector<std::string> all = SupportedMemoryBackendNames();
    if (std::find(all.begin(), all.end(), name) != all.end()) built_in.push_back(name);
  }
  EXPECT_EQ(SupportedMemoryBackendNames(), built_in);
  EXPECT_EQ(built_in.back(), "system");
}

TEST(DefaultPoolEnvironment, AValueThatNamesNothingIsReportedOnceWithWhatIsSupported) {
  for (const std::string value : {"tcmalloc", "System", "MIMALLOC", " system", "system ", "0"}) {
    const ChildResult child = WithVariable(value);
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_EQ(child.out, FirstBackend() + "\n");
    EXPECT_THAT(child.err, HasSubstr("ALKAID_DEFAULT_MEMORY_POOL=" + value));
    for (const std::string& name : SupportedMemoryBackendNames()) {
      EXPECT_THAT(child.err, HasSubstr(name));
    }
    EXPECT_EQ(std::count(child.err.begin(), child.err.end(), '\n'), 1) << child.err;
  }
}

TEST(DefaultPoolEnvironment, ARegisteredBackendCanBeChosen) {
  const ChildResult child = WithVariable("arena", "registers");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, "arena\n");
  EXPECT_THAT(child.err, IsEmpty());
}

TEST(DefaultPoolEnvironment, ARegisteredBackendServesOnlyWhenAskedFor) {
  const ChildResult child = WithVariable(std::nullopt, "registers");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, FirstBackend() + "\n");
}

TEST(DefaultPoolEnvironment, TheReportNamesRegisteredBackendsToo) {
  const ChildResult child = WithVariable("arenas", "registers");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, FirstBackend() + "\n");
  EXPECT_THAT(child.err, MatchesRegex("[^\n]*supported: [^)]*, arena\\).*\n"));
}

TEST(DefaultPoolEnvironment, TheNameOfABackendThatNobodyRegisteredIsUnknown) {
  const ChildResult child = WithVariable("arena");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_EQ(child.out, FirstBackend() + "\n");
  EXPECT_THAT(child.err, HasSubstr("ALKAID_DEFAULT_MEMORY_POOL=arena"));
}

TEST(DefaultPoolEnvironment, AFactoryThatAsksForTheDefaultPoolIsRefused) {
  const ChildResult child = WithVariable("arena", "asks");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  EXPECT_THAT(child.out, HasSubstr("'arena' requests a pool over this backend"));
}

TEST(DefaultPoolEnvironment, AChildThatIsForkedWhileItIsMadeMakesItsOwn) {
  const ChildResult child = WithVariable("arena", "forks");
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  EXPECT_EQ(child.out, "arena\n");
}

int RunAsChild(const std::string& what) {
  if (what == "asks") return AskInTheFactory();
  if (what == "forks") return ForkWhileItIsMade();
  return UseTheDefaultPool(what == "registers");
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child") {
    return alkaid::RunAsChild(argc > 1 ? argv[1] : "");
  }
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
