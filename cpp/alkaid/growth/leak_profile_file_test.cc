#include "alkaid/growth/leak_profile_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/growth/growing_profile_internal.h"
#include "alkaid/growth/leak_profile_run.h"
#include "alkaid/testing/matchers.h"

namespace alkaid::growth {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A temporary folder for each test.
class LeakProfileFile : public ::testing::Test {
 protected:
  LeakProfileFile() {
    std::string pattern = ::testing::TempDir() + "alkaid_leak_profile_XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~LeakProfileFile() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::string Save(const std::string& bytes) const {
    std::ofstream(Path("x.npy"), std::ios::binary) << bytes;
    return Path("x.npy");
  }

 private:
  std::string folder_;
};

MemoryStamp Stamp(double begin) {
  return {begin,     begin + 1, begin + 2, begin + 3, begin + 4,
          begin + 5, begin + 6, begin + 7, begin + 8, begin + 9};
}

bool SameBits(const MemoryStamp& a, const MemoryStamp& b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

template <typename T>
std::string Array(const std::string& descr, bool fortran_order, const std::string& shape,
                  const std::vector<T>& items) {
  std::string text = "{'descr': '" + descr +
                     "', 'fortran_order': " + (fortran_order ? "True" : "False") +
                     ", 'shape': " + shape + ", }\n";
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(text.size());
  file += '\0';
  file += text;
  return file + std::string(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T));
}

TEST_F(LeakProfileFile, GivesBackEveryStampAsItWas) {
  std::vector<MemoryStamp> stamps = {Stamp(1.5), Stamp(1e9 + 1.0 / 3), Stamp(-7)};
  stamps[1].roots_mb = kUnknown;
  stamps[2].vm_mb = HUGE_VAL;
  ALKAID_ASSERT_OK(WriteLeakProfile(stamps, Path("a.npy")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, ReadLeakProfile(Path("a.npy")));
  ASSERT_EQ(read.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_TRUE(SameBits(read[i], stamps[i])) << i;
}

TEST_F(LeakProfileFile, WritesAndReadsAProfileWithoutStamps) {
  ALKAID_ASSERT_OK(WriteLeakProfile({}, Path("none.npy")));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, ReadLeakProfile(Path("none.npy")));
  EXPECT_TRUE(read.empty());
}

TEST_F(LeakProfileFile, MissingColumnsAreUnknown) {
  const std::string file = Array<double>("<f8", false, "(2, 3)", {1, 2, 3, 4, 5, 6});
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, ReadLeakProfile(Save(file)));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].time_s, 4);
  EXPECT_EQ(read[1].vm_mb, 5);
  EXPECT_EQ(read[1].rss_mb, 6);
  EXPECT_TRUE(std::isnan(read[1].live_mb));
  EXPECT_TRUE(std::isnan(read[1].released_held_mb));
}

TEST_F(LeakProfileFile, ColumnsThatItDoesNotKnowArePassedOver) {
  std::vector<double> items(2 * 12);
  for (size_t i = 0; i < items.size(); ++i) items[i] = static_cast<double>(i);
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read,
                              ReadLeakProfile(Save(Array("<f8", false, "(2, 12)", items))));
  EXPECT_TRUE(SameBits(read[0], Stamp(0)));
  EXPECT_TRUE(SameBits(read[1], Stamp(12)));
}

TEST_F(LeakProfileFile, ReadsFortransOrder) {
  const std::string file = Array<double>("<f8", true, "(3, 2)", {1, 2, 3, 10, 20, 30});
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, ReadLeakProfile(Save(file)));
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[2].time_s, 3);
  EXPECT_EQ(read[0].vm_mb, 10);
  EXPECT_EQ(read[2].vm_mb, 30);
}

TEST_F(LeakProfileFile, ReadsFloat32) {
  const std::string file = Array<float>("<f4", false, "(2, 4)", {1, 2, 0, 0, 3, 4.5, 0, 0});
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, ReadLeakProfile(Save(file)));
  ASSERT_EQ(read.size(), 2u);
  EXPECT_EQ(read[1].vm_mb, 4.5);
}

TEST_F(LeakProfileFile, ReadsTheOtherByteOrder) {
  const auto swapped = [](double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return __builtin_bswap64(bits);
  };
  const std::string file = Array<uint64_t>(">f8", false, "(1, 2)", {swapped(1.25), swapped(99)});
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, ReadLeakProfile(Save(file)));
  EXPECT_EQ(read[0].time_s, 1.25);
  EXPECT_EQ(read[0].vm_mb, 99);
}

TEST_F(LeakProfileFile, NamesTheFileAndTheByteAtWhichItWasCut) {
  ALKAID_ASSERT_OK(WriteLeakProfile(std::vector<MemoryStamp>(5), Path("x.npy")));
  std::filesystem::resize_file(Path("x.npy"), 128 + 100);
  EXPECT_THAT(
      ReadLeakProfile(Path("x.npy")),
      StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr(Path("x.npy")), HasSubstr("byte 228"),
                                            HasSubstr("(5, 10) takes 400 bytes from byte 128"))));
  EXPECT_THAT(ReadLeakProfile(Save("time,vm\n1,2\n")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("not a .npy file")));
}

TEST_F(LeakProfileFile, SaysWhyAFileCanNotBeReadOrWritten) {
  EXPECT_THAT(ReadLeakProfile(Path("missing.npy")),
              StatusIs(StatusCode::kNotFound, HasSubstr("missing.npy")));
  EXPECT_THAT(WriteLeakProfile({}, Path("no/such/folder/x.npy")),
              StatusIs(StatusCode::kNotFound, HasSubstr("no/such/folder")));
  std::ofstream(Path("huge.npy")).close();
  std::filesystem::resize_file(Path("huge.npy"), (uintmax_t{1} << 30) + 1);
  EXPECT_THAT(ReadLeakProfile(Path("huge.npy")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most 1073741824")));
}

TEST_F(LeakProfileFile, WhatIsNoRegularFileOrIsTooLargeIsRefusedBeforeItIsRead) {
  EXPECT_THAT(ReadLeakProfile("/dev/zero"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("/dev/zero is a device")));
  ASSERT_EQ(::mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_THAT(ReadLeakProfile(Path("pipe")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is a pipe")));
  const std::string sparse = Save("");
  ASSERT_EQ(::truncate(sparse.c_str(), int64_t{1} << 40), 0);
  EXPECT_THAT(ReadLeakProfile(sparse),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most 1073741824")));
}

// A row of two columns takes 8 bytes in the file and 80 as a stamp.
TEST_F(LeakProfileFile, MoreStampsThanAProfileHasAreRefusedHoweverSmallTheirRows) {
  constexpr int64_t kRows = 13'500'000;
  const std::string file =
      Save(Array<float>("<f4", false, "(" + std::to_string(kRows) + ", 2)", {}));
  const auto header = static_cast<int64_t>(std::filesystem::file_size(file));
  ASSERT_EQ(::truncate(file.c_str(), header + kRows * 8), 0);
  EXPECT_THAT(ReadLeakProfile(file),
              StatusIs(StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("13500000 stamps"), HasSubstr("at most 13421772"))));
}

TEST_F(LeakProfileFile, NeitherOneThatGrowsNorAWholeOneFollowsALinkOfAnotherUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "not run as root, which alone can make others' files";
  ASSERT_EQ(::mkdir(Path("shared").c_str(), 0777), 0);
  ASSERT_EQ(::chmod(Path("shared").c_str(), 01777), 0);
  const std::string link = Path("shared/a.npy");
  std::filesystem::create_symlink(Path("victim"), link);
  ASSERT_EQ(::lchown(link.c_str(), 12345, 12345), 0);
  std::filesystem::create_directory_symlink(Path(""), Path("shared/folder"));
  ASSERT_EQ(::lchown(Path("shared/folder").c_str(), 12345, 12345), 0);
  for (const std::string& file : {link, Path("shared/folder/victim")}) {
    EXPECT_THAT(GrowingProfile::Make(file, ThisRun()), StatusIs(StatusCode::kPermissionDenied));
    EXPECT_THAT(WriteLeakProfile({}, file), StatusIs(StatusCode::kPermissionDenied));
  }
  EXPECT_FALSE(std::filesystem::exists(Path("victim")));
}

TEST_F(LeakProfileFile, AFileThatCanNotBeWrittenStaysAsItWas) {
  ALKAID_ASSERT_OK(WriteLeakProfile(std::vector<MemoryStamp>(1), Path("a.npy")));
  std::filesystem::create_directory(Path("folder.npy"));
  EXPECT_FALSE(WriteLeakProfile({}, Path("folder.npy")).ok());
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, ReadLeakProfile(Path("a.npy")));
  EXPECT_EQ(read.size(), 1u);
}

constexpr char kPython[] = "/usr/bin/python3";

// What a Python program prints, and whether it succeeded.
std::pair<bool, std::string> RunPython(const std::string& program) {
  const std::string command = std::string(kPython) + " -c \"" + program + "\" 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return {false, "popen failed"};
  std::string text;
  char piece[256];
  while (size_t n = std::fread(piece, 1, sizeof(piece), pipe)) text.append(piece, n);
  return {::pclose(pipe) == 0, text};
}

TEST_F(LeakProfileFile, NumPyLoadsWhatItWritesAndItLoadsWhatNumPyWrites) {
  if (const auto [there, why] = RunPython("import numpy"); !there) {
    GTEST_SKIP() << kPython << " has no numpy: " << why;
  }
  ALKAID_ASSERT_OK(
      WriteLeakProfile(std::vector<MemoryStamp>{Stamp(1.5), Stamp(2.5)}, Path("a.npy")));
  const auto [loaded, text] = RunPython(
      "import numpy as np\n"
      "a = np.load('" +
      Path("a.npy") +
      "')\n"
      "print(a.dtype.str, a.shape, a.flags.c_contiguous, a[:, 0].tolist(), a[:, 1].tolist(), "
      "a[1, 9])\n"
      "np.save('" +
      Path("f.npy") +
      "', np.asfortranarray(a[:, :4]))\n"
      "np.save('" +
      Path("f4.npy") +
      "', a.astype('f4'))\n"
      "with open('" +
      Path("v2.npy") +
      "', 'wb') as f:\n"
      "  np.lib.format.write_array(f, a, version=(2, 0))\n"
      "with open('" +
      Path("v3.npy") +
      "', 'wb') as f:\n"
      "  np.lib.format.write_array(f, a, version=(3, 0))\n"
      "np.save('" +
      Path("o.npy") + "', np.array([[None, 1]]))\n");
  ASSERT_TRUE(loaded) << text;
  EXPECT_EQ(text, "<f8 (2, 10) True [1.5, 2.5] [2.5, 3.5] 11.5\n");
  for (const std::string name : {"f4.npy", "v2.npy", "v3.npy"}) {
    ALKAID_ASSERT_OK_AND_ASSIGN(const auto read, ReadLeakProfile(Path(name)));
    ASSERT_EQ(read.size(), 2u) << name;
    EXPECT_TRUE(SameBits(read[1], Stamp(2.5))) << name;
  }
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto fortran, ReadLeakProfile(Path("f.npy")));
  EXPECT_EQ(fortran[1].live_mb, 5.5);
  EXPECT_TRUE(std::isnan(fortran[1].held_mb));
  EXPECT_THAT(ReadLeakProfile(Path("o.npy")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("Python objects")));
}

// While the file grows: with the comment in its header, loaded and mapped, and with a row that was
// written and is not counted yet.
TEST_F(LeakProfileFile, NumPyLoadsOneThatGrows) {
  if (const auto [there, why] = RunPython("import numpy"); !there) {
    GTEST_SKIP() << kPython << " has no numpy: " << why;
  }
  const LeakProfileRun run = {
      .end = LeakProfileRun::End::kRunning, .process = 7, .command = "./reader '#' \"a, b)\""};
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto profile, GrowingProfile::Make(Path("g.npy"), run));
  const std::vector<MemoryStamp> stamps = {Stamp(1.5), Stamp(2.5), Stamp(3.5)};
  for (size_t row = 0; row < stamps.size(); ++row) {
    ALKAID_ASSERT_OK(profile->Write(row, std::span(stamps).subspan(row, 1)));
    std::ofstream(Path("g.npy"), std::ios::app) << "half a row";
    const auto [loaded, text] = RunPython(
        "import numpy as np\n"
        "a = np.load('" +
        Path("g.npy") +
        "')\n"
        "m = np.load('" +
        Path("g.npy") +
        "', mmap_mode='r')\n"
        "print(a.shape, m.shape, (a[:, 0] == m[:, 0]).all(), a[:, 0].tolist())\n");
    ASSERT_TRUE(loaded) << text;
    const std::string rows = std::to_string(row + 1);
    EXPECT_TRUE(text.starts_with("(" + rows + ", 10) (" + rows + ", 10) True [1.5")) << text;
  }
}

}  // namespace
}  // namespace alkaid::growth
