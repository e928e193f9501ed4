#include "output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "alkaid/testing/matchers.h"
#include "run_command.h"

namespace alkaid::tools {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::string Content(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}
int64_t FilesIn(const std::string& folder) {
  return std::distance(fs::directory_iterator(folder), fs::directory_iterator());
}

TEST(OutputFile, IsThereOnlyOnceItIsCommitted) {
  const TestFolder folder;
  const std::string path = folder.path() + "/out";
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, OpenOutput(path));
    ALKAID_ASSERT_OK(file->stream()->Write("whole"));
    EXPECT_FALSE(fs::exists(path));
    ALKAID_ASSERT_OK(file->Commit());
    EXPECT_EQ(Content(path), "whole");
  }
  EXPECT_EQ(Content(path), "whole");
  EXPECT_EQ(FilesIn(folder.path()), 1);
}

TEST(OutputFile, LeavesWhatHadItsNameWhenItIsNotCommitted) {
  const TestFolder folder;
  const std::string path = folder.Write("out", "before");
  {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, OpenOutput(path));
    ALKAID_ASSERT_OK(file->stream()->Write("half"));
  }
  EXPECT_EQ(Content(path), "before");
  EXPECT_EQ(FilesIn(folder.path()), 1);
}

TEST(OutputFile, ReplacesWhatHadItsNameAndTheTargetOfALink) {
  const TestFolder folder;
  const std::string path = folder.Write("out", "before");
  fs::create_symlink("out", folder.path() + "/link");
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto file, OpenOutput(folder.path() + "/link"));
  ALKAID_ASSERT_OK(file->stream()->Write("after"));
  ALKAID_ASSERT_OK(file->Commit());
  EXPECT_EQ(Content(path), "after");
  EXPECT_TRUE(fs::is_symlink(folder.path() + "/link"));
}

TEST(OutputFile, RefusesWhatIsNoRegularFile) {
  const TestFolder folder;
  EXPECT_THAT(OpenOutput(folder.path()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("regular")));
  ASSERT_EQ(::mkfifo((folder.path() + "/fifo").c_str(), 0600), 0);
  EXPECT_THAT(OpenOutput(folder.path() + "/fifo"), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(OpenOutput(folder.path() + "/no/out"),
              StatusIs(StatusCode::kNotFound, HasSubstr("No such file")));
}

}  // namespace
}  // namespace alkaid::tools
