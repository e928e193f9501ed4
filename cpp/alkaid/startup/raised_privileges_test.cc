// A program with more rights than its caller, seen from outside. It is this program again: a
// set-uid copy that another user runs with every variable set that the library knows, and a plain
// copy as the control. Needs root, a file system that honours the set-uid bit, and a build folder
// that others can enter; otherwise it is skipped and says why.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "alkaid/base/environment.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/files/read_queue.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "alkaid/growth/planted_leak.h"
#include "alkaid/growth/process_profile.h"
#include "alkaid/heap/tracking/tracking.h"
#include "fixtures/child_process.h"
#include "fixtures/registered_backend.h"
#include "fixtures/run_all_tests.h"

namespace alkaid {
namespace {

namespace fs = std::filesystem;
using internal::ChildEnvironment;
using internal::ChildResult;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::IsSupersetOf;

constexpr uid_t kNobody = 65534;

// The child's part: does what each variable could change, and prints the results.

void Say(const char* name, const std::string& value) {
  std::printf("%s %s\n", name, value.c_str());
}

// A fault that the debug mode of pools finds, and is harmless otherwise.
bool FreeAsSmaller() {
  uint8_t* block = nullptr;
  if (!system_memory_pool()->Allocate(100, &block).ok()) return false;
  system_memory_pool()->Free(block, 99);
  return true;
}

// The capacity after the first byte, which shows what was reserved for the label.
bool Build(int64_t* reserved) {
  BufferBuilder builder;
  builder.SetLabel(Label::Intern("raised.privileges"));
  if (!builder.Append(1, uint8_t{1}).ok()) return false;
  *reserved = builder.capacity();
  return builder.Append(100'000, uint8_t{2}).ok() && builder.Finish().ok();
}

int RunAsChild() {
  Say("secure", ::getauxval(AT_SECURE) != 0 ? "yes" : "no");
  if (!internal::RegisterTheBackend().ok()) return 3;
  Say("backend", default_memory_pool()->backend_name());
  Say("tracking", heap::IsTracking() ? "on" : "off");
  const auto queue = io::ReadQueue::Make(io::ReadQueueKind::kAutomatic, 1);
  Say("queue", queue.ok() ? ToString((*queue)->kind()) : "refused");
  const growth::PlantedLeakOptions leak = growth::PlantedLeakFromEnvironment();
  Say("leak", leak.mb_per_event != 0 ? "planted" : "none");
  Say("leak_by", leak.by == growth::PlantedLeakOptions::By::kMalloc ? "malloc" : "pool");
  if (!FreeAsSmaller()) return 4;
  int64_t reserved = 0;
  if (!Build(&reserved)) return 5;
  Say("reserved", reserved >= 100'000 ? "learnt" : "nothing");
  for (int i = 0; i < 3; ++i) growth::StampEvent();
  struct sigaction action = {};
  if (::sigaction(SIGUSR2, nullptr, &action) != 0) return 6;
  const bool answered = action.sa_handler != SIG_DFL;
  Say("signal", answered ? "answered" : "default");
  if (answered) ::raise(SIGUSR2);
  return 0;
}

// The parent's part.

std::string ReadText(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// What a child printed, by name.
using Observations = std::map<std::string, std::string>;

Observations Observed(const ChildResult& child) {
  Observations observed;
  std::istringstream lines(child.out);
  for (std::string name, value; lines >> name >> value;) observed[name] = value;
  return observed;
}

// Runs `program` as a user without rights, in a folder of that user.
ChildResult RunAsNobody(const std::string& program, const std::string& folder,
                        const ChildEnvironment& environment) {
  return internal::RunProgram(program, {}, environment, [&folder] {
    if (::chdir(folder.c_str()) == 0 && ::setgroups(0, nullptr) == 0 && ::setgid(kNobody) == 0 &&
        ::setuid(kNobody) == 0) {
      return;
    }
    std::perror("to become another user");
    ::_exit(126);
  });
}

// Two copies of this program and a folder that the other user owns.
class Stage {
 public:
  Stage() {
    std::string folder = fs::temp_directory_path() / "alkaid-privileges-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) std::abort();
    root_ = folder;
    ::chmod(folder.c_str(), 0755);
    fs::create_directory(this->folder());
    if (::chown(this->folder().c_str(), kNobody, kNobody) != 0) std::abort();
    for (const auto& [program, mode] : {std::pair(plain(), 0755), std::pair(raised(), 04755)}) {
      fs::copy_file("/proc/self/exe", program);
      if (::chown(program.c_str(), 0, 0) != 0 || ::chmod(program.c_str(), mode) != 0) std::abort();
    }
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() { fs::remove_all(root_); }

  std::string plain() const { return root_ / "plain"; }
  std::string raised() const { return root_ / "raised"; }
  std::string folder() const { return root_ / "folder"; }
  std::string File(const std::string& name) const { return folder() + "/" + name; }

  // The names of the files in the folder, without process ids.
  std::set<std::string> Files() const {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder())) {
      const std::string name = entry.path().filename();
      names.insert(name.substr(0, name.find('.')));
    }
    return names;
  }

  // Every variable that the library knows, with a value that has an effect.
  ChildEnvironment Everything() const {
    return {{"ALKAID_DEFAULT_MEMORY_POOL", "registered"},
            {"ALKAID_DEBUG_MEMORY_POOL", "warn"},
            {"ALKAID_GUARDED_SAMPLING", "often"},
            {"ALKAID_READ_QUEUE", "inline"},
            {"ALKAID_TRACK_ALLOCATIONS", "1"},
            {"ALKAID_HEAP_AT_EXIT", File("end")},
            {"ALKAID_HEAP_OWNER", "1"},
            {"ALKAID_HEAP_SIGNAL", "USR2"},
            {"ALKAID_HEAP_FILE", File("asked.%n")},
            {"ALKAID_HEAP_AT_STAMPS", "1"},
            {"ALKAID_EXIT_SIGNALS", "TERM"},
            {"ALKAID_TRACE_GROWTH", "1"},
            {"ALKAID_RESERVATIONS", File("reservations")},
            {"ALKAID_LEAK_PROFILE", File("profile")},
            {"ALKAID_PROFILE_RELEASE_AT", "soon"},
            {"ALKAID_PROFILE_LEAK_MB", "0.1"},
            {"ALKAID_PROFILE_LEAK_BY", "malloc"}};
  }

  ChildResult Run(const std::string& program, ChildEnvironment environment) const {
    // A leak is made on purpose, and the sanitizer cannot look into a set-uid program.
    internal::IgnoreLeaks(&environment);
    return RunAsNobody(program, folder(), environment);
  }

 private:
  fs::path root_;
};

std::string Backend(const ChildResult& child) { return Observed(child)["backend"]; }
std::string FirstBackend() { return SupportedMemoryBackendNames().front(); }

TEST(RaisedPrivileges, TheTestSetsEveryVariableThatTheLibraryKnows) {
  const ChildEnvironment environment = Stage().Everything();
  size_t of_library = 0;
  for (const internal::EnvironmentVariable& variable : internal::EnvironmentVariables()) {
    if (variable.read_at == internal::ReadAt::kScripts) continue;
    EXPECT_TRUE(environment.contains(variable.name)) << variable.name;
    ++of_library;
  }
  EXPECT_EQ(environment.size(), of_library);
}

TEST(RaisedPrivileges, NothingThatTheCallerAsksForIsMadeOrDone) {
  const Stage stage;
  const ChildResult child = stage.Run(stage.raised(), stage.Everything());
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_THAT(child.err, IsEmpty());
  EXPECT_THAT(stage.Files(), IsEmpty());
  EXPECT_THAT(Observed(child), IsSupersetOf(Observations{{"secure", "yes"},
                                                         {"backend", FirstBackend()},
                                                         {"tracking", "off"},
                                                         {"leak", "none"},
                                                         {"leak_by", "pool"},
                                                         {"reserved", "nothing"},
                                                         {"signal", "default"}}));
  EXPECT_NE(Observed(child)["queue"], "inline");
}

// The control: everything that the test above must not see is there.
TEST(RaisedPrivileges, WithoutThemTheSameProgramDoesAllOfIt) {
  const Stage stage;
  const ChildResult first = stage.Run(stage.plain(), stage.Everything());
  EXPECT_TRUE(first.ExitedWith(0)) << first.status << first.err;
  EXPECT_THAT(Observed(first), IsSupersetOf(Observations{{"secure", "no"},
                                                         {"backend", "registered"},
                                                         {"tracking", "on"},
                                                         {"queue", "inline"},
                                                         {"leak", "planted"},
                                                         {"leak_by", "malloc"},
                                                         {"reserved", "nothing"},
                                                         {"signal", "answered"}}));
  EXPECT_THAT(first.err, HasSubstr("Alkaid memory fault"));
  EXPECT_THAT(first.err, HasSubstr("ALKAID_GUARDED_SAMPLING=often is not understood"));
  EXPECT_THAT(first.err, HasSubstr("BufferBuilder growth"));
  EXPECT_THAT(first.err, HasSubstr("ALKAID_PROFILE_RELEASE_AT=soon"));
  EXPECT_EQ(stage.Files(), (std::set<std::string>{"asked", "end", "profile", "reservations"}));
  // A process that is not the owner appends its id to names that have none.
  EXPECT_FALSE(fs::exists(stage.File("end")));
  EXPECT_FALSE(fs::exists(stage.File("profile")));
  // What the first run learnt is reserved in the second.
  const ChildResult second = stage.Run(stage.plain(), stage.Everything());
  EXPECT_EQ(Observed(second)["reserved"], "learnt") << second.err;
}

TEST(RaisedPrivileges, AFileThatTheCallerMayNotReadIsNeitherReadNorWrittenForIt) {
  const Stage stage;
  const std::string file = stage.File("reservations");
  stage.Run(stage.plain(), {{"ALKAID_RESERVATIONS", file}});
  const std::string text = ReadText(file);
  ASSERT_THAT(text, HasSubstr("raised.privileges"));
  ASSERT_EQ(::chown(file.c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  const auto written = fs::last_write_time(file);

  const ChildResult child = stage.Run(stage.raised(), {{"ALKAID_RESERVATIONS", file}});
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  EXPECT_THAT(child.err, IsEmpty());
  EXPECT_EQ(Observed(child)["reserved"], "nothing");
  EXPECT_EQ(ReadText(file), text);
  EXPECT_EQ(fs::last_write_time(file), written);

  // The content of a file whose name the caller can only guess stays secret: the error for a file
  // that is not a list of reservations would print its text on stderr.
  std::ofstream(file) << "secret\n";
  EXPECT_THAT(stage.Run(stage.raised(), {{"ALKAID_RESERVATIONS", file}}).err, IsEmpty());
}

TEST(RaisedPrivileges, EachBuiltInBackendMayBeChosen) {
  const Stage stage;
  for (const std::string& name : SupportedMemoryBackendNames()) {
    const ChildResult child = stage.Run(stage.raised(), {{"ALKAID_DEFAULT_MEMORY_POOL", name}});
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_EQ(Backend(child), name);
    EXPECT_THAT(child.err, IsEmpty());
  }
}

TEST(RaisedPrivileges, NoOtherValueIsHonouredOrAnsweredOnStderr) {
  const Stage stage;
  for (const std::string value : {"registered", "tcmalloc", "System", "system ", ""}) {
    const ChildResult child = stage.Run(stage.raised(), {{"ALKAID_DEFAULT_MEMORY_POOL", value}});
    EXPECT_TRUE(child.ExitedWith(0)) << child.status;
    EXPECT_EQ(Backend(child), FirstBackend()) << value;
    EXPECT_THAT(child.err, IsEmpty()) << value;
  }
}

// The allocators' options would also be the caller's: figures on stderr, reserved memory.
TEST(RaisedPrivileges, TheAllocatorsTakeNoOptionsEither) {
  const Stage stage;
  const std::map<std::string, std::pair<std::string, std::string>> options = {
      {"mimalloc", {"MIMALLOC_SHOW_STATS", "1"}},
      {"jemalloc", {"JE_ALKAID_MALLOC_CONF", "stats_print:true"}}};
  for (const std::string& backend : SupportedMemoryBackendNames()) {
    if (!options.contains(backend)) continue;
    const auto& [variable, value] = options.at(backend);
    const ChildEnvironment environment = {{"ALKAID_DEFAULT_MEMORY_POOL", backend},
                                          {variable, value}};
    EXPECT_THAT(stage.Run(stage.raised(), environment).err, IsEmpty()) << backend;
    EXPECT_THAT(stage.Run(stage.plain(), environment).err, ::testing::Not(IsEmpty())) << backend;
  }
}

// Empty, or what is missing here.
std::string WhyNotTested() {
  if (::geteuid() != 0) return "not run as root, which alone can make a set-uid program of root's";
  const Stage stage;
  const ChildResult plain = stage.Run(stage.plain(), {});
  if (!plain.ExitedWith(0)) return "another user cannot run this program:\n" + plain.err;
  const ChildResult raised = stage.Run(stage.raised(), {});
  if (!raised.ExitedWith(0)) return "another user cannot run it set-uid:\n" + raised.err;
  if (Observed(raised)["secure"] == "yes") return "";
  return "the set-uid bit has no effect: " + stage.raised() +
         " lies in a file system mounted nosuid, or this process may gain no rights";
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child") return alkaid::RunAsChild();
  ::testing::InitGoogleTest(&argc, argv);
  // This process's own variables must not reach the children.
  for (const auto& variable : alkaid::internal::EnvironmentVariables()) {
    ::unsetenv(variable.name.c_str());
  }
  const std::string reason = alkaid::WhyNotTested();
  if (!reason.empty()) {
    std::printf("skipped: %s\n", reason.c_str());
    return 77;
  }
  return alkaid::internal::RunAllTests();
}
