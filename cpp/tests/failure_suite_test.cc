// The suite of failing allocations must find functions with planted faults, report nothing for a
// correct one, and reach the library's own calls of operator new.
#include "fixtures/failure_suite.h"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "alkaid/base/number_text.h"
#include "alkaid/core/pools/memory_pool.h"
#include "fixtures/failing_new.h"
#include "fixtures/failure_suite_main.h"

namespace alkaid::failing {
namespace {

constexpr int64_t kBytes = 100;

// Leaked on purpose, but reachable for a leak checker.
constinit std::array<const void*, 100> left_behind = {};
constinit size_t left_count = 0;

// A list, with a block of the pool for each of its entries.
struct List {
  MemoryPool* pool;
  std::vector<std::unique_ptr<std::string>> entries = {};
  std::vector<uint8_t*> blocks = {};
  bool needs_memory_to_go = false;
  int without = 0;

  explicit List(MemoryPool* of) : pool(of) {}
  List(List&&) = default;
  ~List() {
    if (needs_memory_to_go) entries.push_back(nullptr);
    for (uint8_t* block : blocks) pool->Free(block, kBytes);
  }

  // Correct: a failed call leaves nothing.
  Status Add() try {
    auto entry = std::make_unique<std::string>(50, 'x');
    entries.reserve(entries.size() + 1);
    blocks.reserve(blocks.size() + 1);
    uint8_t* block = nullptr;
    ALKAID_RETURN_NOT_OK(pool->Allocate(kBytes, &block));
    blocks.push_back(block);
    entries.push_back(std::move(entry));
    return absl::OkStatus();
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kResourceExhausted, "");
  }

  Status AddAndThrow() {
    (void)std::make_unique<std::string>(50, 'x');
    return Add();
  }

  // Faulty: the entry stays when there is no block for it.
  Status AddByHalves() {
    entries.push_back(nullptr);
    return Add();
  }

  Status Leak() {
    uint8_t* block = nullptr;
    ALKAID_RETURN_NOT_OK(pool->Allocate(kBytes, &block));
    left_behind.at(left_count) = block;
    if (const Status added = Add(); !added.ok()) {
      ++left_count;
      return added;
    }
    pool->Free(block, kBytes);
    return absl::OkStatus();
  }

  // Faulty: the text leaks when the rest fails.
  Status Forget() try {
    auto* const text = new std::string;
    left_behind.at(left_count) = text;
    const Status added = Add();
    if (added.ok()) {
      delete text;
    } else {
      ++left_count;
    }
    return added;
  } catch (const std::bad_alloc&) {
    return Status(StatusCode::kResourceExhausted, "");
  }

  Status SayOkInVain() {
    (void)Add();
    return absl::OkStatus();
  }

  // Correct: what memory was missing for comes with the next call.
  void AddOrGoOn() {
    if (entries.empty()) (void)Add();
  }
  // Faulty: one call without memory spoils all later ones.
  void GiveUpForGood() {
    if (without == 0 && entries.empty() && !Add().ok()) ++without;
  }
};

// A result whose destruction needs memory.
struct NeedyToGo {
  NeedyToGo() = default;
  NeedyToGo(NeedyToGo&& other) noexcept : live(std::exchange(other.live, false)) {}
  ~NeedyToGo() {
    if (live) (void)std::make_unique<std::string>(50, 'x');
  }
  bool live = true;
};

std::string Outcome(const List& list) {
  return absl::StrCat(list.entries.size(), " ", list.blocks.size());
}

template <typename Call>
void TryList(OutOfMemory rule, const Call& call) {
  FailureSuite::Try(
      "planted", rule, [](MemoryPool* pool) { return List(pool); }, call, Outcome);
}

TEST(FailureSuite, AFunctionThatDoesRightPassesAndEachPointIsCounted) {
  const FailureTotals before = failure_totals;
  TryList(OutOfMemory::kStatus, [](List& list) { return list.Add(); });
  EXPECT_EQ(failure_totals.functions - before.functions, 1);
  // Four calls of operator new and one of the pool; each fails alone, and with all that follow.
  EXPECT_EQ(failure_totals.points - before.points, 2 * (4 + 1));
  EXPECT_EQ(failure_totals.retries - before.retries, 2 * (4 + 1));
}

#define EXPECT_FINDS(rule, call, words)                                                        \
  {                                                                                            \
    ::testing::TestPartResultArray found;                                                      \
    {                                                                                          \
      const ::testing::ScopedFakeTestPartResultReporter reporter(                              \
          ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ONLY_CURRENT_THREAD, &found); \
      TryList(rule, call);                                                                     \
    }                                                                                          \
    bool says_so = false;                                                                      \
    for (int i = 0; i < found.size(); ++i) {                                                   \
      says_so |=                                                                               \
          std::string(found.GetTestPartResult(i).message()).find(words) != std::string::npos;  \
    }                                                                                          \
    EXPECT_TRUE(says_so) << found.size() << " findings, none of them: " << words;              \
  }

TEST(FailureSuite, FindsAFunctionThatThrows) {
  EXPECT_FINDS(
      OutOfMemory::kStatus, [](List& list) { return list.AddAndThrow(); },
      "throws, and should return a status");
}

TEST(FailureSuite, FindsAFunctionThatReturnsAStatusWhereItShouldThrow) {
  EXPECT_FINDS(
      OutOfMemory::kThrows, [](List& list) { return list.Add(); },
      "returns a status, and should throw");
}

TEST(FailureSuite, FindsAFunctionThatFailsWhereItShouldGoOn) {
  EXPECT_FINDS(
      OutOfMemory::kGoesOn, [](List& list) { return list.Add(); }, "and should go on");
}

TEST(FailureSuite, FindsAFunctionThatIsNotAsBeforeWhenCalledAgain) {
  EXPECT_FINDS(
      OutOfMemory::kStatus, [](List& list) { return list.AddByHalves(); }, "when called again");
}

TEST(FailureSuite, FindsABlockThatIsLeft) {
  EXPECT_FINDS(
      OutOfMemory::kStatus, [](List& list) { return list.Leak(); }, "of the pool are left");
}

TEST(FailureSuite, FindsABlockOfOperatorNewThatIsLeft) {
  EXPECT_FINDS(
      OutOfMemory::kStatus, [](List& list) { return list.Forget(); },
      "blocks of operator new are left");
}

TEST(FailureSuite, FindsAFunctionThatSaysOkAndDidNothing) {
  EXPECT_FINDS(
      OutOfMemory::kStatus, [](List& list) { return list.SayOkInVain(); }, "1 1");
}

TEST(FailureSuiteDeathTest, FindsADestructorThatNeedsMemory) {
  EXPECT_DEATH(TryList(OutOfMemory::kStatus,
                       [](List& list) {
                         list.needs_memory_to_go = true;
                         return list.Add();
                       }),
               "bad_alloc|terminate|AddressSanitizer|ThreadSanitizer");
}

TEST(FailureSuiteDeathTest, FindsAResultThatNeedsMemoryWhenItGoes) {
  EXPECT_DEATH(FailureSuite::Try(
                   "planted", OutOfMemory::kThrows, [](MemoryPool*) { return 0; },
                   [](int&) {
                     (void)std::make_unique<std::string>(50, 'x');
                     return NeedyToGo();
                   },
                   [](int&, const NeedyToGo&) { return ""; }),
               "bad_alloc|terminate|AddressSanitizer|ThreadSanitizer");
}

TEST(FailureSuite, AFunctionThatGoesOnIsCalledAgainAndComparedThen) {
  const FailureTotals before = failure_totals;
  TryList(OutOfMemory::kGoesOn, [](List& list) { list.AddOrGoOn(); });
  EXPECT_EQ(failure_totals.retries - before.retries, 2 * (4 + 1));
  EXPECT_FINDS(
      OutOfMemory::kGoesOn, [](List& list) { list.GiveUpForGood(); }, "when called again");
}

TEST(FailureSuite, AFunctionThatNeedsNoMemoryIsCountedApart) {
  const FailureTotals before = failure_totals;
  TryList(OutOfMemory::kNeedsNone, [](List& list) { ++list.without; });
  EXPECT_EQ(failure_totals.functions - before.functions, 1);
  EXPECT_EQ(failure_totals.without_memory - before.without_memory, 1);
  EXPECT_EQ(failure_totals.points - before.points, 0);
}

TEST(FailureSuite, FindsAFunctionThatNeedsMemoryAndShouldNot) {
  EXPECT_FINDS(
      OutOfMemory::kNeedsNone, [](List& list) { list.AddOrGoOn(); }, "and should need none");
}

TEST(FailureSuite, FindsATryInWhichNothingWasTried) {
  EXPECT_FINDS(
      OutOfMemory::kStatus, [](List&) { return absl::OkStatus(); }, "nothing was tried");
}

TEST(FailureSuite, ReachesWhatTheLibraryAndTheStandardLibraryAllocate) {
  std::string text;
  EXPECT_THROW(WithoutNew([&] { text = internal::Format("%064d", 1); }), std::bad_alloc);
  EXPECT_THROW(WithoutNew([] { (void)MemoryPool::CreateDefault(); }), std::bad_alloc);
  // The C++ library's own code.
  EXPECT_THROW(WithoutNew([&] { text.append(100, 'x').shrink_to_fit(), text.reserve(1000); }),
               std::bad_alloc);
  EXPECT_EQ(WithoutNew([] {}), 0);
}

TEST(FailureSuite, StrikesTheCallingThreadAloneAndOnceOrAlways) {
  {
    const FailingNew failing(2, false);
    EXPECT_NO_THROW((void)std::make_unique<std::string>());
    EXPECT_THROW((void)std::make_unique<std::string>(), std::bad_alloc);
    EXPECT_NO_THROW((void)std::make_unique<std::string>());
  }
  {
    const FailingNew failing(1, true);
    EXPECT_EQ(new (std::nothrow) int, nullptr);
    EXPECT_THROW((void)std::make_unique<std::string>(), std::bad_alloc);
  }
  EXPECT_NO_THROW((void)std::make_unique<std::string>());
}

}  // namespace
}  // namespace alkaid::failing

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
