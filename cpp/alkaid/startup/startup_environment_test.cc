// What the environment asks for, seen from outside: each case is a process of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/core/observers/label.h"
#include "alkaid/growth/process_profile.h"
#include "alkaid/startup/startup.h"
#include "fixtures/child_process.h"

namespace alkaid {
namespace {

namespace fs = std::filesystem;
using internal::ChildEnvironment;
using internal::ChildResult;
using internal::RunSelf;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

// The child's part: gives each file something to say.
int RunAsChild(const std::string& end) {
  if (end == "nothing") return 0;
  BufferBuilder builder;
  builder.SetLabel(Label::Intern("startup.test"));
  if (!builder.Append(1000, uint8_t{1}).ok() || !builder.Finish().ok()) return 4;
  for (int i = 0; i < 3; ++i) growth::StampEvent();
  if (end == "exit") std::exit(3);
  ::raise(SIGTERM);
  while (true) ::pause();  // another thread writes, and then ends the process
}

// The parent's part.

// A folder, and the order in which files were last written there.
class WatchedFolder {
 public:
  WatchedFolder() : path_(fs::temp_directory_path() / "alkaid-startup-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
    watch_ = ::inotify_init1(IN_NONBLOCK);
    if (::inotify_add_watch(watch_, path_.c_str(), IN_MODIFY | IN_MOVED_TO) < 0) std::abort();
  }
  ~WatchedFolder() {
    ::close(watch_);
    fs::remove_all(path_);
  }
  WatchedFolder(const WatchedFolder&) = delete;
  WatchedFolder& operator=(const WatchedFolder&) = delete;

  std::string File(const std::string& name) const { return path_ + "/" + name; }

  // The names of files that are there, by when each was last written or put in its place.
  std::vector<std::string> Order() {
    std::vector<std::string> order;
    alignas(inotify_event) char room[4096];
    for (ssize_t size; (size = ::read(watch_, room, sizeof(room))) > 0;) {
      for (ssize_t at = 0; at < size;) {
        inotify_event event;
        std::memcpy(&event, room + at, sizeof(event));
        const std::string name = room + at + sizeof(event);
        std::erase(order, name);
        if (fs::exists(File(name))) order.push_back(name);
        at += static_cast<ssize_t>(sizeof(event)) + event.len;
      }
    }
    return order;
  }

 private:
  std::string path_;
  int watch_ = -1;
};

struct Output {
  const char* variable;
  const char* file;
};
// In the order that ExitRank states.
constexpr Output kOutputs[] = {{internal::kReservationsVariable, "reservations"},
                               {internal::kLeakProfileVariable, "profile.npy"},
                               {internal::kHeapAtExitVariable, "heap"}};
constexpr unsigned kSets = 1U << std::size(kOutputs);

ChildEnvironment Nothing() {
  ChildEnvironment environment;
  for (const auto& variable : internal::EnvironmentVariables()) {
    environment[variable.name] = std::nullopt;
  }
  internal::IgnoreLeaks(&environment);
  return environment;
}

// Every set of variables that write at exit, and so every pair.
void ExpectOrder(const std::string& end) {
  for (unsigned set = 1; set < kSets; ++set) {
    WatchedFolder folder;
    ChildEnvironment environment = Nothing();
    environment[internal::kExitSignalsVariable] = "TERM";
    std::vector<std::string> expected;
    for (size_t i = 0; i < std::size(kOutputs); ++i) {
      if ((set >> i & 1U) == 0) continue;
      environment[kOutputs[i].variable] = folder.File(kOutputs[i].file);
      expected.emplace_back(kOutputs[i].file);
    }
    const ChildResult child = RunSelf({end}, environment);
    EXPECT_TRUE(end == "exit" ? child.ExitedWith(3) : child.signal() == SIGTERM) << child.status;
    EXPECT_THAT(child.err, IsEmpty());
    EXPECT_THAT(folder.Order(), ElementsAreArray(expected)) << end << " " << set;
  }
}

TEST(Startup, WhatIsWrittenAtExitIsWrittenInTheStatedOrder) { ExpectOrder("exit"); }

TEST(Startup, WhatIsWrittenBeforeASignalEndsTheProcessToo) { ExpectOrder("signal"); }

TEST(Startup, AVariableThatNobodyKnowsIsReportedWithTheNearestOne) {
  ChildEnvironment environment = Nothing();
  environment["ALKAID_DEFAULT_MEMORY_POOl"] = "jemalloc";
  environment["ALKAID_X"] = "1";
  environment["ALKAID_EMPTY"] = "";
  environment["ALKAID_TEST_DATA"] = "/nowhere";
  environment["ALKAIDX"] = "1";
  const ChildResult child = RunSelf({"nothing"}, environment);
  EXPECT_TRUE(child.ExitedWith(0)) << child.status;
  std::vector<std::string> lines;
  for (size_t at = 0; at < child.err.size();) {
    const size_t end = child.err.find('\n', at);
    lines.push_back(child.err.substr(at, end - at));
    at = end + 1;
  }
  std::ranges::sort(lines);
  EXPECT_THAT(lines,
              ElementsAreArray({"alkaid: ALKAID_DEFAULT_MEMORY_POOl is set, but is not a variable "
                                "of Alkaid; did you mean ALKAID_DEFAULT_MEMORY_POOL?",
                                "alkaid: ALKAID_X is set, but is not a variable of Alkaid"}));
}

}  // namespace
}  // namespace alkaid

int main(int argc, char** argv) {
  if (std::string(argv[0]) == "child") return alkaid::RunAsChild(argv[1]);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
