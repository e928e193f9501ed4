// What reservations save, measured in fresh processes: each backend replays the reported events
// without, with a fixed and with an advised reservation. The advised ones start from the file that
// an earlier process of the same events left, by ALKAID_RESERVATIONS.

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/base/exit_task_internal.h"
#include "alkaid/core/pools/memory_pool.h"
#include "fixtures/child_process.h"
#include "fixtures/event_replay.h"

namespace alkaid::growth {
namespace {

using internal::ChildResult;
using internal::kDefaultMemoryPoolVariable;
using internal::kReservationsVariable;

// A sanitizer's shadow memory and quarantine make VM unpredictable.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kVmIsThePrograms = false;
#else
constexpr bool kVmIsThePrograms = true;
#endif

int failures = 0;

void Expect(bool condition, const std::string& what) {
  if (condition) return;
  ++failures;
  std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "alkaid-replay-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::string File(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string ReadText(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

const EventSeries& Series(const std::string& name) {
  for (const EventSeries& series : ReportedSeries()) {
    if (series.name == name) return series;
  }
  std::abort();
}

// The child: replay SERIES RESERVATION END BACKEND; or fork.
int Replay(char** arguments) {
  const EventEnd end = *arguments[2] == 'c' ? EventEnd::kClear : EventEnd::kReset;
  const auto events =
      ReplayEvents(Series(arguments[0]).items, std::atol(arguments[1]), end, arguments[3]);
  if (!events.ok()) {
    std::fprintf(stderr, "%s\n", events.status().ToString().c_str());
    return 1;
  }
  const ReplayTotals totals = Total(*events);
  std::printf("%" PRId64 " %" PRId64, totals.reallocations, totals.vm_growth);
  return 0;
}

int BuildAndFork() {
  const auto build = [](int64_t nbytes) {
    BufferBuilder builder;
    builder.SetLabel(Label::Intern("forked"));
    return builder.Append(nbytes, uint8_t{1}).ok();
  };
  if (!build(1000)) return 1;
  const pid_t child = fork();
  if (child == 0) {
    // Ends through exit, so that its handlers run.
    std::exit(build(5000) ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0 ? 0 : 1;
}

int Build(int64_t nbytes) {
  BufferBuilder builder;
  builder.SetLabel(Label::Intern("built"));
  return builder.Append(nbytes, uint8_t{1}).ok() ? 0 : 1;
}

// Ends like a signal handler that calls exit and interrupted malloc.
int BuildAndEndInMalloc() {
  static constexpr internal::ExitQuestions kEndsInMalloc = {
      .learn = [] {}, .may_write = [] { return true; }, .ends_in_malloc = [] { return true; }};
  internal::AskAtExit(&kEndsInMalloc);
  return Build(1000);
}

// Ends as under a filter of system calls.
int BuildAndEndConfined() {
  static constexpr internal::ExitQuestions kMayNotWrite = {
      .learn = [] {}, .may_write = [] { return false; }, .ends_in_malloc = [] { return false; }};
  internal::AskAtExit(&kMayNotWrite);
  return Build(1000);
}

// A child of vfork, which has this process's memory, calls exit.
int BuildAroundVfork() {
  if (Build(1000) != 0) return 1;
  const pid_t child = vfork();
  if (child == 0) std::exit(5);  // NOLINT(clang-analyzer-unix.Vfork)
  int status = 0;
  if (waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 5) return 1;
  return Build(2000);
}

struct Outcome {
  int64_t reallocations = -1;
  int64_t vm_growth = -1;
};

Outcome ReplayInAChild(const std::string& what, const std::string& backend,
                       const std::string& series, int64_t reservation, const std::string& end,
                       const std::string& file) {
  internal::ChildEnvironment environment = {{kDefaultMemoryPoolVariable, backend},
                                            {kReservationsVariable, file}};
  // Once a large block was freed, glibc takes the next one of its size from its heap. There
  // memalign leaves a remnant after each block, so freed memory is not always found again.
  if (backend == "system" && end == "reset") {
    environment["GLIBC_TUNABLES"] = "glibc.malloc.mmap_threshold=131072";
  }
  const ChildResult child =
      internal::RunSelf({"replay", series, std::to_string(reservation), end, backend}, environment);
  Outcome outcome;
  const int read = std::sscanf(child.out.c_str(), "%" SCNd64 " %" SCNd64, &outcome.reallocations,
                               &outcome.vm_growth);
  Expect(child.ExitedWith(0) && read == 2 && child.err.empty(),
         what + ": the child fails: " + child.out + child.err);
  return outcome;
}

void ReservedEventsAreNotReallocatedAndTheirProcessDoesNotGrow(const std::string& backend,
                                                               const EventSeries& series,
                                                               const std::string& end) {
  const TemporaryFolder folder;
  const std::string file = folder.File("reservations");
  const std::string what = backend + ", " + series.name + ", " + end + ": ";
  // The control, which learns for the last one.
  const Outcome none = ReplayInAChild(what + "none", backend, series.name, 0, end, file);
  Expect(none.reallocations > 0, what + "without a reservation there are reallocations");
  if (kVmIsThePrograms && series.name == "uneven") {
    Expect(none.vm_growth > 0, what + "without a reservation the process grows");
  }
  for (const bool advised : {false, true}) {
    const std::string kind = what + (advised ? "advised" : "fixed");
    const Outcome outcome = ReplayInAChild(kind, backend, series.name, advised ? 0 : series.most(),
                                           end, advised ? file : "");
    Expect(outcome.reallocations == 0,
           kind + ": " + std::to_string(outcome.reallocations) + " reallocations");
    Expect(!kVmIsThePrograms || outcome.vm_growth == 0,
           kind + ": VM grows by " + std::to_string(outcome.vm_growth) + " bytes");
  }
}

void OnlyTheProcessThatWasAskedWritesTheFile() {
  const TemporaryFolder folder;
  const std::string file = folder.File("reservations");
  const ChildResult child = internal::RunSelf({"fork"}, {{kReservationsVariable, file}});
  Expect(child.ExitedWith(0) && child.err.empty(), "the child that forks ends well: " + child.err);
  Expect(ReadText(file).find("since=1000 before=0 ends=1 label=forked") != std::string::npos,
         "the file is the parent's: " + ReadText(file));
}

// On a thread that is to be cancelled.
int BuildAndEndCancelled() {
  const auto run = [](void* /*nothing*/) -> void* {
    {
      BufferBuilder builder;
      builder.SetLabel(Label::Intern("cancelled"));
      if (!builder.Append(1000, uint8_t{1}).ok()) std::exit(1);
    }
    pthread_cancel(pthread_self());
    std::exit(0);
  };
  pthread_t thread;
  if (pthread_create(&thread, nullptr, run, nullptr) != 0) return 2;
  pthread_join(thread, nullptr);
  return 3;
}

void AThreadThatIsToBeCancelledWritesTheFile() {
  const TemporaryFolder folder;
  const std::string file = folder.File("reservations");
  const ChildResult child = internal::RunSelf({"cancelled"}, {{kReservationsVariable, file}});
  Expect(child.ExitedWith(0) && child.err.empty(),
         "a program that a thread ends which is to be cancelled ends well: " + child.err);
  Expect(ReadText(file).find("ends=1 label=cancelled") != std::string::npos,
         "its file is there: " + ReadText(file));
}

void AFileOfSomebodyElseIsNamedAndStays() {
  const TemporaryFolder folder;
  const std::string file = folder.File("notes");
  std::ofstream(file) << "my notes\n";
  const ChildResult child = internal::RunSelf({"fork"}, {{kReservationsVariable, file}});
  Expect(child.ExitedWith(0), "the program runs without its reservations");
  Expect(child.err.find("line 1") != std::string::npos &&
             child.err.find("nothing will be written") != std::string::npos,
         "what is wrong is said: " + child.err);
  Expect(ReadText(file) == "my notes\n", "the file stays as it was");
}

void AnEmptyFileIsWrittenAsOneThatIsNotThereYet() {
  const TemporaryFolder folder;
  const std::string file = folder.File("empty");
  std::ofstream(file).close();
  const ChildResult child = internal::RunSelf({"fork"}, {{kReservationsVariable, file}});
  Expect(child.ExitedWith(0) && child.err.empty(), "an empty file is no fault: " + child.err);
  Expect(ReadText(file).find("since=1000") != std::string::npos, "it is written");
}

void AProcessThatBuiltNothingWritesNothing() {
  const TemporaryFolder folder;
  const std::string file = folder.File("reservations");
  const ChildResult child = internal::RunSelf({"nothing"}, {{kReservationsVariable, file}});
  Expect(child.ExitedWith(0) && child.err.empty(), "a child that builds nothing ends well");
  Expect(!std::filesystem::exists(file), "no file is made");
}

void AProcessThatMayNotWriteItSaysWhy() {
  const TemporaryFolder folder;
  const std::string file = folder.File("reservations");
  for (const auto& [how, why] : {std::pair("malloc", "the program ends in the middle of malloc"),
                                 std::pair("confined", "a filter of system calls")}) {
    const ChildResult child = internal::RunSelf({how}, {{kReservationsVariable, file}});
    Expect(
        child.ExitedWith(0) &&
            child.err.starts_with("alkaid: ALKAID_RESERVATIONS: not written: " + std::string(why)),
        std::string(how) + ": the child ends well and says why: " + child.err);
  }
  Expect(!std::filesystem::exists(file), "no file is made");
}

void AChildOfVforkThatCallsExitLeavesTheFileToItsParent() {
  const TemporaryFolder folder;
  const std::string file = folder.File("reservations");
  const ChildResult child = internal::RunSelf({"vfork"}, {{kReservationsVariable, file}});
  Expect(child.ExitedWith(0) && child.err.empty(), "the parent ends well: " + child.err);
  Expect(ReadText(file).find("since=2000 before=0 ends=2 label=built") != std::string::npos,
         "the file has what was built before and after: " + ReadText(file));
}

int RunAll() {
  if (!kVmIsThePrograms) std::puts("VM is not compared: under a sanitizer it is not the program's");
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    for (const EventSeries& series : ReportedSeries()) {
      for (const char* end : {"clear", "reset"}) {
        ReservedEventsAreNotReallocatedAndTheirProcessDoesNotGrow(backend, series, end);
      }
    }
  }
  OnlyTheProcessThatWasAskedWritesTheFile();
  AThreadThatIsToBeCancelledWritesTheFile();
  AFileOfSomebodyElseIsNamedAndStays();
  AnEmptyFileIsWrittenAsOneThatIsNotThereYet();
  AProcessThatBuiltNothingWritesNothing();
  AProcessThatMayNotWriteItSaysWhy();
  AChildOfVforkThatCallsExitLeavesTheFileToItsParent();
  if (failures == 0) std::puts("reserved events are not reallocated, and VM does not grow");
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace alkaid::growth

int main(int argc, char** argv) {
  const std::string role = argc > 1 ? argv[1] : "";
  if (role == "replay" && argc == 6) return alkaid::growth::Replay(argv + 2);
  if (role == "fork") return alkaid::growth::BuildAndFork();
  if (role == "malloc") return alkaid::growth::BuildAndEndInMalloc();
  if (role == "confined") return alkaid::growth::BuildAndEndConfined();
  if (role == "vfork") return alkaid::growth::BuildAroundVfork();
  if (role == "cancelled") return alkaid::growth::BuildAndEndCancelled();
  if (role == "nothing") return 0;
  return alkaid::growth::RunAll();
}
