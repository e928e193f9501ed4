#include "alkaid/core/files/live_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>

#include "alkaid/core/files/file_io.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/live_script.h"
#include "fixtures/scripted_file.h"

namespace alkaid::io {
namespace {

namespace fs = std::filesystem;
using std::chrono::hours;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class LiveFileTest : public ::testing::Test {
 protected:
  LiveFileTest() {
    std::string name = ::testing::TempDir() + "alkaid_live_file_XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~LiveFileTest() override { fs::remove_all(folder); }

  std::string Path(const std::string& name) const { return folder + "/" + name; }
  void Append(const std::string& name, const std::string& bytes) const {
    LiveScript::Append(Path(name), bytes);
  }
  std::unique_ptr<LiveFile> Opened(const std::string& name, std::shared_ptr<LiveWatch> watch) {
    auto file = LiveFile::Open(Path(name), std::move(watch));
    EXPECT_THAT(file, IsOk());
    return *std::move(file);
  }

  // All bytes from `position` to the end, at most `nbytes` in each read.
  static std::string ReadAll(LiveFile& file, int64_t nbytes, Status* status, int64_t position = 0) {
    std::string all;
    std::string some(static_cast<size_t>(nbytes), '\0');
    while (true) {
      const auto got = file.ReadSome(position, nbytes, some.data());
      *status = got.status();
      if (!got.ok() || *got == 0) return all;
      all.append(some, 0, static_cast<size_t>(*got));
      position += *got;
    }
  }

  std::string folder;
  LiveScript script;
};

const std::string kText = "what is written byte by byte is read byte by byte";

TEST_F(LiveFileTest, WaitsForEachByte) {
  Append("run", kText.substr(0, 5));
  script.Write(Path("run"), kText.substr(5), 1);
  const auto file = Opened("run", script.Watch(seconds(1)));
  Status status;
  EXPECT_EQ(ReadAll(*file, 7, &status), kText);
  ALKAID_EXPECT_OK(status);
  EXPECT_EQ(file->watch().end(), LiveEnd::kSilence);
}

TEST_F(LiveFileTest, WhatIsThereIsReadWithoutWaiting) {
  Append("run", kText);
  const auto file = Opened("run", script.Watch());
  std::string out(100, '\0');
  EXPECT_THAT(file->ReadPresent(0, 100, out.data()),
              IsOkAndHolds(static_cast<int64_t>(kText.size())));
  EXPECT_THAT(file->ReadPresent(static_cast<int64_t>(kText.size()), 100, out.data()),
              IsOkAndHolds(0));
  EXPECT_EQ(script.pauses(), 0);
}

TEST_F(LiveFileTest, EitherNameFindsTheFileUnderEither) {
  Append("a", "a");
  Append("b.inprogress", "b");
  const auto watch = script.Watch(seconds(0));
  Status status;
  for (const char* name : {"a", "a.inprogress"}) {
    EXPECT_EQ(ReadAll(*Opened(name, watch), 9, &status), "a") << name;
  }
  for (const char* name : {"b", "b.inprogress"}) {
    EXPECT_EQ(ReadAll(*Opened(name, watch), 9, &status), "b") << name;
  }
}

TEST_F(LiveFileTest, AMissingFileIsRefusedAtOnceOrWaitedFor) {
  EXPECT_THAT(LiveFile::Open(Path("run"), script.Watch()), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(script.pauses(), 0);

  // The file appears late, under its in-progress name.
  script.Then([] {}).Then([] {}).Then([this] { Append("run.inprogress", "x"); });
  ALKAID_ASSERT_OK_AND_ASSIGN(
      const auto file, LiveFile::Open(Path("run"), script.Watch(), LiveFile::Missing::kWait));
  EXPECT_EQ(script.pauses(), 3);

  const auto never = LiveFile::Open(Path("no"), script.Watch(seconds(5)), LiveFile::Missing::kWait);
  EXPECT_THAT(never, StatusIs(StatusCode::kNotFound, HasSubstr(Path("no"))));
  EXPECT_FALSE(script.gave_up());
}

TEST_F(LiveFileTest, ARenamedFileIsReadOn) {
  Append("run.inprogress", "one ");
  script.Then([this] { fs::rename(Path("run.inprogress"), Path("run")); }).Then([this] {
    Append("run", "two");
  });
  Status status;
  EXPECT_EQ(ReadAll(*Opened("run", script.Watch(seconds(1))), 100, &status), "one two");
  ALKAID_EXPECT_OK(status);
}

TEST_F(LiveFileTest, ACopyThatTookThePlaceOfTheFileIsReadOn) {
  Append("run.inprogress", "one ");
  script.Then([this] { fs::copy(Path("run.inprogress"), Path("run")); })
      .Then([this] { Append("run", "two"); })
      .Then([this] { fs::remove(Path("run.inprogress")); });
  for (const char* name : {"run", "run.inprogress"}) {
    Status status;
    EXPECT_EQ(ReadAll(*Opened(name, script.Watch(seconds(1))), 100, &status), "one two") << name;
    ALKAID_EXPECT_OK(status);
  }
}

TEST_F(LiveFileTest, AnotherFileInItsPlaceIsAFault) {
  for (const char* other : {"one, and not the same", "on"}) {
    Append("run", "one more ");
    Append("other", other);
    script.Then([this] { fs::rename(Path("other"), Path("run")); });
    Status status;
    EXPECT_EQ(ReadAll(*Opened("run", script.Watch(seconds(1))), 100, &status), "one more ");
    EXPECT_THAT(status,
                StatusIs(StatusCode::kDataLoss,
                         AllOf(HasSubstr(Path("run")), HasSubstr("replaced"), HasSubstr("9"))));
    fs::remove(Path("run"));
  }
}

TEST_F(LiveFileTest, AFileThatIsCutIsAFault) {
  Append("run", "0123456789");
  script.Then([] {}).Then([this] { fs::resize_file(Path("run"), 4); });
  Status status;
  EXPECT_EQ(ReadAll(*Opened("run", script.Watch(seconds(1))), 100, &status), "0123456789");
  EXPECT_THAT(status, StatusIs(StatusCode::kDataLoss,
                               AllOf(HasSubstr(Path("run")), HasSubstr("cut to 4 bytes"),
                                     HasSubstr("10 had been read"))));
}

TEST_F(LiveFileTest, AFileWhoseNameIsGoneIsReadAsLongAsItGrows) {
  Append("run", "one ");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto writer, FileOutputStream::Open(Path("run"), true));
  script.Then([this] { fs::remove(Path("run")); }).Then([&] {
    ALKAID_EXPECT_OK(writer->Write("two"));
  });
  Status status;
  EXPECT_EQ(ReadAll(*Opened("run", script.Watch(seconds(1))), 100, &status), "one two");
  ALKAID_EXPECT_OK(status);
}

TEST_F(LiveFileTest, WaitsForAFileThatSomebodyElseOpened) {
  int64_t there = 0;
  const auto growing = std::make_shared<internal::ScriptedFile>(
      [&](int64_t position, int64_t nbytes, void* out) -> Result<int64_t> {
        const int64_t got = std::min(there - position, nbytes);
        std::fill_n(static_cast<char*>(out), got, 'x');
        return got;
      });
  for (int i = 0; i < 5; ++i) script.Then([&] { there += 3; });
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file,
                              LiveFile::Over(growing, "x", script.Watch(seconds(1))));
  Status status;
  EXPECT_EQ(ReadAll(*file, 2, &status), std::string(15, 'x'));
}

TEST_F(LiveFileTest, AFailureOfTheSystemPasses) {
  bool away = true;
  const auto failing =
      std::make_shared<internal::ScriptedFile>([&](int64_t, int64_t, void* out) -> Result<int64_t> {
        if (std::exchange(away, false)) return absl::UnavailableError("the disk is away");
        *static_cast<char*>(out) = 'x';
        return 1;
      });
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, LiveFile::Over(failing, "x", script.Watch()));
  char out;
  EXPECT_THAT(file->ReadSome(0, 1, &out), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(file->ReadSome(0, 1, &out), IsOkAndHolds(1));
}

TEST_F(LiveFileTest, WhatLiesBeforeAPlaceThatCannotBeReadIsThere) {
  constexpr int64_t kBad = 8192;
  const auto bad = std::make_shared<internal::ScriptedFile>(
      [](int64_t position, int64_t nbytes, void* out) -> Result<int64_t> {
        if (position + nbytes > kBad) return absl::InternalError("bad sector");
        std::memset(out, 'x', static_cast<size_t>(nbytes));
        return nbytes;
      });
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, LiveFile::Over(bad, "x", script.Watch()));
  Status status;
  EXPECT_EQ(ReadAll(*file, 1 << 20, &status), std::string(kBad, 'x'));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, HasSubstr("bad sector")));
}

TEST_F(LiveFileTest, AStopLeavesWhatIsThere) {
  Append("run", "there");
  const auto file = Opened("run", script.Watch());
  script.Stop();
  char out[8];
  EXPECT_THAT(file->ReadSome(0, 8, out), IsOkAndHolds(0));
  EXPECT_EQ(file->watch().end(), LiveEnd::kStopped);
}

// Pauses are hours, so only a notification can end one: if none comes the test hangs.
TEST_F(LiveFileTest, NotificationCutsAPauseShort) {
  LiveOptions options;
  options.first_pause = options.longest_pause = hours(10);
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<LiveWatch> watch, LiveWatch::Make(options));
  ASSERT_GE(watch->NotifyOfFolder(folder), 0) << "this user may have no more of inotify";
  Append("other", "");
  Append("run", "");
  const auto other = Opened("other", watch);
  std::unique_ptr<LiveFile> file = Opened("run", watch);
  std::thread writer([this] {
    Append("other", "x");
    Append("run", "x");
  });
  char out;
  EXPECT_THAT(file->ReadSome(0, 1, &out), IsOkAndHolds(1));
  writer.join();

  std::thread maker([this] { Append("late.inprogress", "y"); });
  ALKAID_ASSERT_OK_AND_ASSIGN(file, LiveFile::Open(Path("late"), watch, LiveFile::Missing::kWait));
  EXPECT_THAT(file->ReadSome(0, 1, &out), IsOkAndHolds(1));
  maker.join();
}

// As on a network file system. Real pauses, any number of them.
TEST_F(LiveFileTest, PollingAloneFindsWhatIsWritten) {
  LiveOptions options;
  options.notification = false;
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<LiveWatch> watch, LiveWatch::Make(options));
  Append("run", "");
  const auto file = Opened("run", watch);
  std::thread writer([this] { Append("run", "x"); });
  char out;
  EXPECT_THAT(file->ReadSome(0, 1, &out), IsOkAndHolds(1));
  writer.join();
}

}  // namespace
}  // namespace alkaid::io
