// Heap files at exit, seen from outside: each case runs in a separate process, controlled by its
// environment.

#include "alkaid/heap/reports/heap_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/heap_file_process.h"
#include "fixtures/run_all_tests.h"

namespace alkaid::heap {
namespace {

namespace fs = std::filesystem;
using internal::ChildResult;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The children's part.

// Leaves a block allocated and ends with its own exit code.
int KeepAndEnd() {
  Keep();
  return 3;
}

// A block that a static object frees after main is not live at exit.
int EndWithStatics() {
  struct Holder {
    Holder() {
      if (!system_memory_pool()->Allocate(777'777, &block).ok()) ::abort();
    }
    ~Holder() { system_memory_pool()->Free(block, 777'777); }
    uint8_t* block = nullptr;
  };
  static Holder holder;
  Keep();
  return 3;
}

int ForkAndEnd() {
  const pid_t child = internal::StartChild([]() -> int {
    Keep();
    std::exit(0);
  });
  std::printf("%d\n", child);
  return internal::EndOfChild(child);
}

int ExitInTheMiddleOfMalloc() {
  tracking_thread.inside = true;
  std::exit(3);
}

int RunAsChild(const std::string& what) {
  if (what == "end") return KeepAndEnd();
  if (what == "statics") return EndWithStatics();
  if (what == "fork") return ForkAndEnd();
  if (what == "malloc") return ExitInTheMiddleOfMalloc();
  return 99;
}

// The parent's part.

using HeapRequests = HeapFileProcess;

TEST_F(HeapRequests, AtExitAFileTellsWhatIsStillLiveAndTheExitCodeStays) {
  const ChildResult child = Run({"end"}, {{"ALKAID_HEAP_AT_EXIT", File("end.heap")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  EXPECT_EQ(child.err, "");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("end.heap")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_EQ(snapshot.contents().name, "exit");
  // The file has bytes of the process, which no other user may read.
  EXPECT_EQ(fs::status(File("end.heap")).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(HeapRequests, AFileAtExitIsReasonEnoughToTrack) {
  const ChildResult child =
      Run({"end"}, {{"ALKAID_HEAP_AT_EXIT", File("end.heap")}, {"ALKAID_TRACK_ALLOCATIONS", ""}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("end.heap")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
}

TEST_F(HeapRequests, AtExitIsAfterTheDestructorsOfStaticObjects) {
  const ChildResult child = Run({"statics"}, {{"ALKAID_HEAP_AT_EXIT", File("end.heap")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("end.heap")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_EQ(BlocksOf(snapshot, 777'777), 0);
}

TEST_F(HeapRequests, AFileThatCanNotBeWrittenAtExitIsOneLineAndTheExitCodeStays) {
  const ChildResult child = Run({"end"}, {{"ALKAID_HEAP_AT_EXIT", File("no/such/folder")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  EXPECT_THAT(child.err, AllOf(HasSubstr("alkaid: no heap file " + File("no/such/folder")),
                               HasSubstr("No such file")));
  EXPECT_EQ(std::count(child.err.begin(), child.err.end(), '\n'), 1);
}

TEST_F(HeapRequests, AForkedChildLeavesItsParentsFileAlone) {
  const ChildResult parent = Run({"fork"}, {{"ALKAID_HEAP_AT_EXIT", File("end.heap")}});
  ASSERT_TRUE(parent.ExitedWith(0)) << parent.err;
  const std::string child = parent.out.substr(0, parent.out.find('\n'));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto of_parent, ReadHeapFile(File("end.heap")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto of_child, ReadHeapFile(File("end.heap." + child)));
  EXPECT_EQ(BlocksOf(of_parent, kKept), 0);
  EXPECT_EQ(BlocksOf(of_child, kKept), 1);
  EXPECT_EQ(std::to_string(of_child.contents().pid), child);
  EXPECT_EQ(FileCount(), 2);
}

TEST_F(HeapRequests, ANameWithTheProcessInItIsLeftAsItIsInAForkedChild) {
  const ChildResult parent = Run({"fork"}, {{"ALKAID_HEAP_AT_EXIT", File("end.%p.heap")}});
  ASSERT_TRUE(parent.ExitedWith(0)) << parent.err;
  const std::string child = parent.out.substr(0, parent.out.find('\n'));
  EXPECT_TRUE(fs::exists(File("end." + child + ".heap")));
  EXPECT_EQ(FileCount(), 2);
}

TEST_F(HeapRequests, AFileThatIsMeantForAnotherProcessIsLeftAlone) {
  const ChildResult child =
      Run({"end"}, {{"ALKAID_HEAP_AT_EXIT", File("end.heap")}, {"ALKAID_HEAP_OWNER", "1"}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  ASSERT_EQ(FileCount(), 1);
  const std::string file = fs::directory_iterator(folder_)->path();
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(file));
  EXPECT_EQ(file, File("end.heap." + std::to_string(snapshot.contents().pid)));
}

TEST_F(HeapRequests, AnOwnerThatIsNoProcessIsNoneAtAll) {
  for (const char* owner : {"", "0", "12x", "-1", "99999999999999"}) {
    const ChildResult child =
        Run({"end"}, {{"ALKAID_HEAP_AT_EXIT", File("end.heap")}, {"ALKAID_HEAP_OWNER", owner}});
    EXPECT_TRUE(child.ExitedWith(3)) << child.err;
    EXPECT_TRUE(fs::remove(File("end.heap"))) << owner;
  }
}

// A signal handler may call exit, or a new-handler that an allocator calls: the line fits both.
TEST_F(HeapRequests, AnExitInTheMiddleOfMallocIsALineThatSaysSoAndNoMore) {
  const ChildResult child = Run({"malloc"}, {{"ALKAID_HEAP_AT_EXIT", File("f")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status;
  EXPECT_EQ(child.err, "alkaid: no heap file " + File("f") +
                           ": the program ends in the middle of malloc or fork\n");
}

TEST_F(HeapRequests, SignalsAreKnownByNameAndNumber) {
  EXPECT_THAT(ParseSignal("USR2"), IsOkAndHolds(SIGUSR2));
  EXPECT_THAT(ParseSignal("SIGUSR1"), IsOkAndHolds(SIGUSR1));
  EXPECT_THAT(ParseSignal("12"), IsOkAndHolds(12));
  EXPECT_THAT(ParseSignal("RTMIN+3"), IsOkAndHolds(SIGRTMIN + 3));
  for (const char* none :
       {"", "USR9", "-1", "0", "999999999999", "RTMIN+99", "12x", "RTMIN+USR1"}) {
    EXPECT_THAT(ParseSignal(none), StatusIs(StatusCode::kInvalidArgument)) << none;
  }
}

}  // namespace
}  // namespace alkaid::heap

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[0]) == "child") {
    return alkaid::heap::RunAsChild(argv[1]);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
