#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/growth/growing_profile_internal.h"
#include "alkaid/growth/leak_profile_file.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::growth {
namespace {

namespace fs = std::filesystem;
using End = LeakProfileRun::End;
using ::testing::HasSubstr;

class GrowingProfileTest : public ::testing::Test {
 protected:
  GrowingProfileTest() {
    std::string folder = ::testing::TempDir() + "/alkaid_growing_XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr) ::abort();
    folder_ = folder;
    file_ = folder + "/a.npy";
  }
  ~GrowingProfileTest() override { fs::remove_all(folder_); }

  std::unique_ptr<GrowingProfile> Make() const {
    return std::move(GrowingProfile::Make(file_, ThisRun())).value();
  }
  // Rows [first, end), the number of each as its time.
  static Status Write(GrowingProfile* profile, size_t first, size_t end) {
    std::vector<MemoryStamp> stamps;
    for (size_t row = first; row < end; ++row) {
      stamps.push_back({.time_s = static_cast<double>(row)});
    }
    return profile->Write(first, stamps);
  }
  // The number of rows in the file; checks that row i has i as its time.
  size_t Rows() const {
    const auto stamps = ReadLeakProfile(file_);
    EXPECT_THAT(stamps, IsOk());
    if (!stamps.ok()) return 0;
    for (size_t row = 0; row < stamps->size(); ++row) {
      EXPECT_EQ((*stamps)[row].time_s, static_cast<double>(row));
    }
    return stamps->size();
  }
  End EndNow() const { return ReadLeakProfileRun(file_).value().end; }

  std::string folder_;
  std::string file_;
};

TEST_F(GrowingProfileTest, HasItsStampsAsSoonAsTheyAreWritten) {
  const auto profile = Make();
  EXPECT_EQ(Rows(), 0U);
  ALKAID_ASSERT_OK(Write(profile.get(), 0, 1));
  EXPECT_EQ(Rows(), 1U);
  ALKAID_ASSERT_OK(Write(profile.get(), 1, 120));
  EXPECT_EQ(Rows(), 120U);
  ALKAID_ASSERT_OK(Write(profile.get(), 119, 120));  // rewrites the last row
  EXPECT_EQ(Rows(), 120U);
  EXPECT_EQ(profile->rows(), 120U);
}

TEST_F(GrowingProfileTest, IsOfAProcessThatRunsAsLongAsItLives) {
  auto profile = Make();
  ALKAID_ASSERT_OK(Write(profile.get(), 0, 3));
  EXPECT_EQ(EndNow(), End::kRunning);
  profile.reset();
  EXPECT_EQ(EndNow(), End::kWithoutWord);
  EXPECT_EQ(Rows(), 3U);
}

TEST_F(GrowingProfileTest, CanBeReadAtAnyMoment) {
  const auto profile = Make();
  constexpr size_t kRows = 3000;
  std::atomic<bool> written{false};
  std::thread writer([&] {
    for (size_t row = 0; row < kRows; ++row)
      EXPECT_THAT(Write(profile.get(), row, row + 1), IsOk());
    written = true;
  });
  size_t before = 0;
  while (!written) {
    const size_t now = Rows();
    EXPECT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(Rows(), kRows);
}

TEST_F(GrowingProfileTest, DoesNotCountARowThatWasWrittenInPart) {
  const auto profile = Make();
  ALKAID_ASSERT_OK(Write(profile.get(), 0, 3));
  const auto size = fs::file_size(file_);
  fs::resize_file(file_, size + 50);
  EXPECT_EQ(Rows(), 3U);
  // A row that is counted and was cut off is left out.
  fs::resize_file(file_, size - 1);
  EXPECT_EQ(Rows(), 2U);
}

TEST_F(GrowingProfileTest, GoesOnWhereTheProgramClosesDescriptorsThatItDidNotOpen) {
  const auto profile = Make();
  ALKAID_ASSERT_OK(Write(profile.get(), 0, 3));
  // The system hands out the lowest number first: another file takes the number of the closed one.
  const std::string other = folder_ + "/other";
  for (int fd = 3; fd < 1024; ++fd) {
    struct stat info;
    struct stat named;
    if (::fstat(fd, &info) != 0 || ::stat(file_.c_str(), &named) != 0) continue;
    if (info.st_ino != named.st_ino || info.st_dev != named.st_dev) continue;
    const int now = ::open(other.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_EQ(::dup2(now, fd), fd);
    ::close(now);
    ALKAID_ASSERT_OK(Write(profile.get(), 3, 5));
    EXPECT_EQ(fs::file_size(other), 0U);
    ::close(fd);
  }
  EXPECT_EQ(Rows(), 5U);
  EXPECT_EQ(EndNow(), End::kRunning);
}

TEST_F(GrowingProfileTest, ReplacesWhatWasThereAndLeavesWhatTookItsPlace) {
  auto first = Make();
  ALKAID_ASSERT_OK(Write(first.get(), 0, 3));
  const auto second = Make();
  EXPECT_EQ(Rows(), 0U);
  ALKAID_ASSERT_OK(Write(first.get(), 3, 4));  // to a file that has lost its name
  first->Remove();
  EXPECT_EQ(Rows(), 0U);
  second->Remove();
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(GrowingProfileTest, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_THAT(GrowingProfile::Make(file_, ThisRun()),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("not a regular file")));
  EXPECT_THAT(GrowingProfile::Make(folder_ + "/no/such/folder", ThisRun()),
              StatusIs(StatusCode::kNotFound, HasSubstr("/no/such")));
}

}  // namespace
}  // namespace alkaid::growth
