#include "tools/heap/openable_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

TEST(OpenableFile, IsARegularOneOrNone) {
  const TestFolder folder;
  const std::string file = folder.Write("file", "x");
  const std::string pipe = folder.path() + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::filesystem::create_symlink(pipe, folder.path() + "/link_to_pipe");
  std::filesystem::create_symlink(file, folder.path() + "/link_to_file");
  EXPECT_TRUE(IsRegularOrMissing(file));
  EXPECT_TRUE(IsRegularOrMissing(folder.path() + "/link_to_file"));
  EXPECT_TRUE(IsRegularOrMissing(folder.path() + "/nothing"));
  EXPECT_FALSE(IsRegularOrMissing(pipe));
  EXPECT_FALSE(IsRegularOrMissing(folder.path() + "/link_to_pipe"));
  EXPECT_FALSE(IsRegularOrMissing(folder.path()));
  EXPECT_FALSE(IsRegularOrMissing("/dev/zero"));
}

}  // namespace
}  // namespace alkaid::tools
