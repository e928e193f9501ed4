// Heap files by signal and at exit, seen from outside: every case is a process of its own, which
// the environment tells what to do.

#include "alkaid/heap/reports/heap_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/core/buffers/buffer.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/heap/reports/heap_file.h"
#include "alkaid/heap/reports/heap_snapshot.h"
#include "alkaid/heap/reports/retention_report.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/child_process.h"
#include "fixtures/libc_malloc.h"
#include "fixtures/run_all_tests.h"

#if defined(__SANITIZE_THREAD__)
#define ALKAID_TEST_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ALKAID_TEST_UNDER_TSAN 1
#endif
#endif

namespace alkaid::heap {
namespace {

namespace fs = std::filesystem;
using internal::ChildResult;
using internal::RunSelf;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The children's part.

constexpr int64_t kKept = 123'456;

void Keep() {
  uint8_t* block = nullptr;
  if (!system_memory_pool()->Allocate(kKept, &block).ok()) ::abort();
}

bool WaitFor(const std::function<bool()>& done) {
  for (int i = 0; i < 20'000 && !done(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return done();
}

// Leaves something allocated and ends with a code of its own.
int KeepAndEnd() {
  Keep();
  return 3;
}

// What a static object frees after main is not live at exit.
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
  const pid_t child = ::fork();
  if (child == 0) {
    Keep();
    std::exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::printf("%d\n", child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

// Signals itself until the file is there.
int SignalSelf(const char* file) {
  Keep();
  errno = 77;
  ::raise(SIGUSR2);
  if (errno != 77) return 4;
  if (!WaitFor([&] { return fs::exists(file); })) return 5;
  return 0;
}

// Keeps a small slice of a root, which a census of views is to find.
int SignalWithViews(const char* file) {
  const auto slice = SliceBuffer(AllocateBuffer(kKept).value(), 1000, 10);
  return SignalSelf(file);
}

int SignalTwice(const char* first, const char* second) {
  Keep();
  ::raise(SIGUSR2);
  if (!WaitFor([&] { return fs::exists(first); })) return 5;
  Keep();
  ::raise(SIGUSR2);
  return WaitFor([&] { return fs::exists(second); }) ? 0 : 6;
}

// Ends before anybody can have answered.
int SignalAndEnd() {
  Keep();
  ::raise(SIGUSR2);
  return 3;
}

// Threads allocate, free and start to allocate again while all of them are sent signals.
int Storm(const char* file) {
  Keep();
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      MemoryPool* const pool = default_memory_pool();
      std::vector<uint8_t*> blocks(64);
      for (size_t i = 0; !stop; i = (i + 1) % blocks.size()) {
        if (blocks[i] != nullptr) pool->Free(blocks[i], 100);
        if (!pool->Allocate(100, &blocks[i]).ok()) ::abort();
      }
      for (uint8_t* block : blocks) {
        if (block != nullptr) pool->Free(block, 100);
      }
    });
  }
  for (int i = 0; i < 5000; ++i) {
    for (std::thread& thread : threads) ::pthread_kill(thread.native_handle(), SIGUSR2);
  }
  const bool there = WaitFor([&] { return fs::exists(file); });
  stop = true;
  for (std::thread& thread : threads) thread.join();
  return there ? 0 : 5;
}

// A child that was forked answers its own signals, and its parent does not answer them.
int ForkAndSignal(const char* folder) {
  Keep();
  const pid_t child = ::fork();
  if (child == 0) {
    ::raise(SIGUSR2);
    const std::string file = std::string(folder) + "/h." + std::to_string(::getpid());
    ::_exit(WaitFor([&] { return fs::exists(file); }) ? 0 : 5);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  std::printf("%d\n", child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 9;
}

int RefusedSignals() {
  std::signal(SIGUSR1, [](int) {});
  const Status taken = WriteHeapFileOnSignal(SIGUSR1);
  if (taken.code() != StatusCode::kFailedPrecondition) return 4;
  for (const int signal : {SIGSEGV, SIGABRT, SIGKILL, SIGSTOP, 0, -1, 1000, 32}) {
    if (WriteHeapFileOnSignal(signal).code() != StatusCode::kInvalidArgument) return 5;
  }
  if (!WriteHeapFileOnSignal(SIGUSR2, "a").ok()) return 6;
  if (!WriteHeapFileOnSignal(SIGUSR2, "b").ok()) return 7;
  if (WriteHeapFileOnSignal(SIGWINCH).code() != StatusCode::kAlreadyExists) return 8;
  if (WriteHeapFileOnSignal(SIGUSR2, "").code() != StatusCode::kInvalidArgument) return 9;
  return WriteHeapFileAtExit("").code() == StatusCode::kInvalidArgument ? 0 : 10;
}

// Done once, as a file gets its name.
void (*at_rename)() = nullptr;

// The signal has come by then, or comes later.
int ExitAndExitInAHandler() {
  Keep();
  std::signal(SIGTERM, [](int) { std::exit(4); });
  at_rename = [] { ::kill(::getpid(), SIGTERM); };
  return 3;
}

int ExitInTheMiddleOfMalloc() {
  tracking_thread.inside = true;
  std::exit(3);
}

// A signal that the program does not handle comes while the file is made.
int ExitAndBeEnded() {
  std::signal(SIGTERM, SIG_DFL);
  at_rename = [] { ::kill(::getpid(), SIGTERM); };
  return 3;
}

// Threads that end the program as soon as they are let.
struct Leaver {
  explicit Leaver(bool inside) {
    ::sem_init(&may_leave, 0, 0);
    std::thread([this, inside] {
      tracking_thread.inside = inside;
      id = static_cast<int>(::syscall(SYS_gettid));
      while (::sem_wait(&may_leave) != 0) {
      }
      leaves = true;
      std::exit(4);
    }).detach();
  }
  // Until it waits for something on its way out.
  void LetGo() {
    ::sem_post(&may_leave);
    std::string text;
    do {
      std::ifstream stat("/proc/self/task/" + std::to_string(id) + "/stat");
      std::getline(stat, text);
    } while (!leaves || text.find(") S ") == std::string::npos);
  }

  sem_t may_leave;
  std::atomic<int> id{0};
  std::atomic<bool> leaves{false};
};
auto& leavers = *new std::vector<Leaver*>;  // not gone when main has returned

int ExitAndExitOnThreads(int count, bool inside) {
  Keep();
  for (int i = 0; i < count; ++i) {
    leavers.push_back(new Leaver(inside));
    WaitFor([] { return leavers.back()->id != 0; });
  }
  at_rename = [] {
    for (Leaver* const leaver : leavers) leaver->LetGo();
  };
  return 4;
}

int RunAsChild(const std::string& what, char** arguments) {
  if (what == "end") return KeepAndEnd();
  if (what == "statics") return EndWithStatics();
  if (what == "fork") return ForkAndEnd();
  if (what == "signal") return SignalSelf(arguments[0]);
  if (what == "views") return SignalWithViews(arguments[0]);
  if (what == "twice") return SignalTwice(arguments[0], arguments[1]);
  if (what == "signal-end") return SignalAndEnd();
  if (what == "storm") return Storm(arguments[0]);
  if (what == "fork-signal") return ForkAndSignal(arguments[0]);
  if (what == "refused") return RefusedSignals();
  if (what == "exit-handler") return ExitAndExitInAHandler();
  if (what == "exit-malloc") return ExitInTheMiddleOfMalloc();
  if (what == "exit-signal") return ExitAndBeEnded();
  if (what == "exit-threads") return ExitAndExitOnThreads(3, /*inside=*/false);
  if (what == "exit-inside") return ExitAndExitOnThreads(1, /*inside=*/true);
  return 99;
}

// The parent's part.

class HeapRequests : public ::testing::Test {
 protected:
  HeapRequests() {
    std::string folder = ::testing::TempDir() + "/alkaid_heap_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) ::abort();
    folder_ = folder;
  }
  ~HeapRequests() override { fs::remove_all(folder_); }

  ChildResult Run(std::vector<std::string> arguments,
                  std::map<std::string, std::string> variables) const {
    internal::ChildEnvironment environment = {{"ALKAID_TRACK_ALLOCATIONS", "1"},
                                              {"ALKAID_HEAP_AT_EXIT", std::nullopt},
                                              {"ALKAID_HEAP_OWNER", std::nullopt},
                                              {"ALKAID_HEAP_SIGNAL", std::nullopt},
                                              {"ALKAID_HEAP_FILE", std::nullopt}};
#if defined(__SANITIZE_ADDRESS__)
    // The children leave something live on purpose.
    const char* const options = std::getenv("ASAN_OPTIONS");
    environment["ASAN_OPTIONS"] =
        (options != nullptr ? std::string(options) + ":" : std::string()) + "detect_leaks=0";
#endif
    for (const auto& [name, value] : variables) environment[name] = value;
    return RunSelf(arguments, environment);
  }
  std::string File(const std::string& name) const { return folder_ + "/" + name; }
  int64_t FileCount() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  std::string folder_;
};

int64_t BlocksOf(const HeapSnapshot& snapshot, int64_t size) {
  int64_t count = 0;
  for (const HeapBlock& block : snapshot.blocks()) count += block.size == size ? 1 : 0;
  return count;
}

TEST_F(HeapRequests, AtExitAFileTellsWhatIsStillLiveAndTheExitCodeStays) {
  const ChildResult child = Run({"end"}, {{"ALKAID_HEAP_AT_EXIT", File("end.heap")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.err;
  EXPECT_EQ(child.err, "");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("end.heap")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_EQ(snapshot.contents().name, "exit");
  // It has bytes of the process, which are nobody else's to read.
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

TEST_F(HeapRequests, AFileOfAProgramWhoseViewsAreTrackedTellsWhatTheyKeep) {
  const ChildResult child = Run({"views", File("now.1")}, {{"ALKAID_TRACK_ALLOCATIONS", "views"},
                                                           {"ALKAID_HEAP_SIGNAL", "USR2"},
                                                           {"ALKAID_HEAP_FILE", File("now.%n")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(auto snapshot, ReadHeapFile(File("now.1")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto report, RetentionReport::Of(std::move(snapshot)));
  ASSERT_EQ(report.roots().size(), 1U);
  EXPECT_GE(report.roots()[0].held_bytes, kKept);
  EXPECT_EQ(report.roots()[0].visible_bytes, 10);
}

TEST_F(HeapRequests, AnotherExitWhileTheFileIsMadeWaitsForIt) {
#ifdef ALKAID_TEST_UNDER_TSAN
  GTEST_SKIP() << "ThreadSanitizer calls handlers later, and reports an exit in one";
#endif
  for (const char* how : {"exit-handler", "exit-threads"}) {
    const std::string file = File(how);
    const ChildResult child = Run({how}, {{"ALKAID_HEAP_AT_EXIT", file}});
    EXPECT_TRUE(child.ExitedWith(4)) << how << child.status << child.err;
    EXPECT_EQ(child.err, "") << how;
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(file));
    EXPECT_EQ(BlocksOf(snapshot, kKept), 1) << how;
  }
  EXPECT_EQ(FileCount(), 2);
}

// By a signal handler, or by a new-handler that an allocator calls: the line is true of both.
TEST_F(HeapRequests, AnExitInTheMiddleOfMallocIsALineThatSaysSoAndNoMore) {
  const ChildResult child = Run({"exit-malloc"}, {{"ALKAID_HEAP_AT_EXIT", File("f")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status;
  EXPECT_EQ(child.err, "alkaid: no heap file " + File("f") +
                           ": the program ends in the middle of malloc or fork\n");
}

TEST_F(HeapRequests, ASignalWithoutAHandlerEndsTheProcessWhileTheFileIsMade) {
  const ChildResult child = Run({"exit-signal"}, {{"ALKAID_HEAP_AT_EXIT", File("f")}});
  EXPECT_EQ(child.signal(), SIGTERM) << child.status << child.err;
  EXPECT_EQ(child.err, "");
  EXPECT_FALSE(fs::exists(File("f")));
}

TEST_F(HeapRequests, AnotherExitThatMayNotWaitSaysThatTheFileIsMissing) {
#ifdef ALKAID_TEST_UNDER_TSAN
  GTEST_SKIP() << "ThreadSanitizer calls handlers later, and reports an exit in one";
#endif
  const ChildResult child = Run({"exit-inside"}, {{"ALKAID_HEAP_AT_EXIT", File("f")}});
  EXPECT_TRUE(child.ExitedWith(4)) << child.status << child.err;
  EXPECT_THAT(child.err, AllOf(HasSubstr("no heap file " + File("f") + ": "),
                               HasSubstr("exit was called again")));
  EXPECT_FALSE(fs::exists(File("f")));
}

TEST_F(HeapRequests, ASignalThatIsPendingWhenMainReturnsIsAnswered) {
  const ChildResult child = Run({"signal-end"}, {{"ALKAID_HEAP_SIGNAL", "USR2"},
                                                 {"ALKAID_HEAP_FILE", File("now.%n")},
                                                 {"ALKAID_HEAP_AT_EXIT", File("end")}});
  EXPECT_TRUE(child.ExitedWith(3)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("now.1")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_THAT(child.err, HasSubstr("live blocks written to " + File("now.1") + "\n"));
  EXPECT_TRUE(fs::exists(File("end")));
  EXPECT_EQ(FileCount(), 2);
}

TEST_F(HeapRequests, ASignalIsAnsweredByAFileAndErrnoStays) {
  const ChildResult child = Run({"signal", File("now.1")}, {{"ALKAID_HEAP_SIGNAL", "USR2"},
                                                            {"ALKAID_HEAP_FILE", File("now.%n")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("now.1")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_THAT(child.err, Not(HasSubstr("was not tracked")));
}

TEST_F(HeapRequests, TheFirstSignalSwitchesTrackingOnAndSaysSo) {
  const ChildResult child =
      Run({"twice", File("now.1"), File("now.2")}, {{"ALKAID_TRACK_ALLOCATIONS", ""},
                                                    {"ALKAID_HEAP_SIGNAL", "SIGUSR2"},
                                                    {"ALKAID_HEAP_FILE", File("now.%n")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  EXPECT_THAT(child.err, HasSubstr("was not tracked before this signal"));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto first, ReadHeapFile(File("now.1")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto second, ReadHeapFile(File("now.2")));
  EXPECT_EQ(BlocksOf(first, kKept), 0);
  EXPECT_EQ(BlocksOf(second, kKept), 1);
  // The block from before is known by its pool's total.
  int64_t untracked = 0;
  for (const HeapPool& pool : first.contents().pools) {
    if (pool.identity != 0) untracked += pool.untracked_bytes();
  }
  EXPECT_EQ(untracked, kKept);
}

TEST_F(HeapRequests, AStormOfSignalsWhileThreadsAllocateIsSurvivedAndAnswered) {
  const ChildResult child = Run(
      {"storm", File("now")}, {{"ALKAID_HEAP_SIGNAL", "USR2"}, {"ALKAID_HEAP_FILE", File("now")}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("now")));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
}

TEST_F(HeapRequests, AForkedChildAnswersItsOwnSignals) {
  if (!::alkaid::internal::kForkedChildHasMalloc) {
    GTEST_SKIP() << ::alkaid::internal::kNoMallocInForkedChild;
  }
#ifdef ALKAID_TEST_UNDER_TSAN
  GTEST_SKIP() << "ThreadSanitizer starts no threads in a forked child";
#endif
  const ChildResult parent = Run({"fork-signal", folder_}, {{"ALKAID_HEAP_SIGNAL", "USR2"},
                                                            {"ALKAID_HEAP_FILE", File("h.%p")}});
  EXPECT_TRUE(parent.ExitedWith(0)) << parent.status << parent.err;
  const std::string child = parent.out.substr(0, parent.out.find('\n'));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, ReadHeapFile(File("h." + child)));
  EXPECT_EQ(BlocksOf(snapshot, kKept), 1);
  EXPECT_EQ(FileCount(), 1);
}

TEST_F(HeapRequests, ASignalThatIsNoneIsSaidOnce) {
  const ChildResult child = Run({"end"}, {{"ALKAID_HEAP_SIGNAL", "USR9"}});
  EXPECT_TRUE(child.ExitedWith(3));
  EXPECT_THAT(child.err, AllOf(HasSubstr("ALKAID_HEAP_SIGNAL"), HasSubstr("USR9")));
}

TEST_F(HeapRequests, SignalsThatBelongToOthersAreRefused) {
  const ChildResult child = Run({"refused"}, {});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status << child.err;
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

// The library's calls come here.
extern "C" ALKAID_EXPORT int renameat(int from, const char* name, int to, const char* becomes) {
  void (*const call)() = std::exchange(alkaid::heap::at_rename, nullptr);
  if (call != nullptr) call();
  return static_cast<int>(::syscall(SYS_renameat2, from, name, to, becomes, 0));
}

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[0]) == "child") {
    return alkaid::heap::RunAsChild(argv[1], argv + 2);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::internal::RunAllTests();
}
