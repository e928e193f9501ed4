// `alkaid dgram smd` as people use it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fixtures/made_dgrams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
namespace fs = std::filesystem;
using dgram::TransitionId;
using Json = nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

constexpr size_t kDeclarationBytes = 2096;
constexpr size_t kRecordBytes = 76;
constexpr uint32_t kChunkSrc = 0x1fe;

std::string Content(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::string ChunkedConfigure() {
  return fixtures::Dgram(TransitionId::kConfigure,
                         fixtures::Names(kChunkSrc, "chunkinfo", 0, "chunkinfo",
                                         {{"chunkid", 2, 0}, {"filename", 10, 1}}));
}
std::string EnableNext(uint32_t id, const std::string& filename,
                       TransitionId service = TransitionId::kEnable) {
  return fixtures::Dgram(
      service,
      fixtures::ShapesData(kChunkSrc, fixtures::Shape({static_cast<uint32_t>(filename.size())}),
                           fixtures::Bytes(id) + filename));
}
std::string L1Accept(uint32_t i) { return fixtures::Dgram(TransitionId::kL1Accept, "", i); }

// The last record of small data: offset and size.
std::pair<uint64_t, uint64_t> LastRecord(const std::string& smd) {
  std::pair<uint64_t, uint64_t> record;
  std::memcpy(&record.first, smd.data() + smd.size() - 16, 8);
  std::memcpy(&record.second, smd.data() + smd.size() - 8, 8);
  return record;
}

TEST(SmdCommand, MakesSmallDataThatTheOtherCommandsRead) {
  const TestFolder folder;
  const std::string in = folder.Write("run.xtc2", fixtures::Run(3));
  const std::string out = folder.path() + "/run.smd.xtc2";
  const CommandResult result = RunCommand({"dgram", "smd", in, "-o", out});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::string configure = fixtures::Configure();
  const size_t size = configure.size() + kDeclarationBytes + 24 + 3 * kRecordBytes + 24;
  EXPECT_EQ(result.out, out + ": 6 datagrams, " + std::to_string(size) + " bytes, of " +
                            std::to_string(fixtures::Run(3).size()) + " bytes in 1 file\n");
  EXPECT_EQ(Content(out).size(), size);
  EXPECT_THAT(RunCommand({"dgram", "dump", out}).out,
              AllOf(HasSubstr("smdinfo"), HasSubstr(std::to_string(configure.size() + 24))));
}

TEST(SmdCommand, FollowsChunksWhereverTheyAreAnnounced) {
  const TestFolder folder;
  const std::string in =
      folder.Write("a-c000.xtc2", ChunkedConfigure() + L1Accept(1) + EnableNext(1, "b-c001.xtc2"));
  folder.Write("b-c001.xtc2", L1Accept(2) + EnableNext(2, "c.xtc2"));
  // Announces its own file again, as writers may: the number is not larger than the current one.
  folder.Write("c.xtc2", EnableNext(2, "c.xtc2") + L1Accept(3));
  const std::string out = folder.path() + "/out";
  const CommandResult result = RunCommand({"dgram", "smd", in, "-o", out});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("7 datagrams"), HasSubstr("in 3 files")));
  EXPECT_EQ(LastRecord(Content(out)),
            std::make_pair(uint64_t{EnableNext(2, "c.xtc2").size()}, uint64_t{24}));

  const CommandResult alone = RunCommand({"dgram", "smd", in, "-o", out, "--no-follow"});
  EXPECT_EQ(alone.exit_code, 0) << alone.err;
  EXPECT_THAT(alone.out, AllOf(HasSubstr("3 datagrams"), HasSubstr("in 1 file\n")));
}

TEST(SmdCommand, FollowsWhatIsAnnouncedWhateverNumbersAreInTheNameOfTheFile) {
  for (const std::string name :
       {"scan-c5.xtc2", "a-c012-calib.xtc2", "a-c000.xtc2", "run-c9", "copy-c003.xtc2.old"}) {
    for (const TransitionId service : {TransitionId::kEnable, TransitionId::kSlowUpdate}) {
      const TestFolder folder;
      const std::string in =
          folder.Write(name, ChunkedConfigure() + L1Accept(1) + EnableNext(1, "b.xtc2", service));
      folder.Write("b.xtc2", L1Accept(2) + L1Accept(3));
      const CommandResult result = RunCommand({"dgram", "smd", in, "-o", folder.path() + "/out"});
      EXPECT_EQ(result.exit_code, 0) << result.err;
      EXPECT_THAT(result.out, AllOf(HasSubstr("5 datagrams"), HasSubstr("in 2 files"))) << name;
    }
  }
}

TEST(SmdCommand, RefusesToLeaveAnAnnouncedFileOut) {
  const TestFolder folder;
  const std::string in =
      folder.Write("a-c003.xtc2", ChunkedConfigure() + L1Accept(1) + EnableNext(1, "b.xtc2"));
  folder.Write("b.xtc2", L1Accept(2));
  const std::string out = folder.path() + "/out";
  const CommandResult result = RunCommand({"dgram", "smd", in, "-o", out});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, AllOf(HasSubstr("a-c003.xtc2: byte "), HasSubstr("datagram 2"),
                                HasSubstr("announces chunk 1 in b.xtc2"),
                                HasSubstr("a-c003.xtc2 is chunk 3"), HasSubstr("--no-follow")));
  EXPECT_FALSE(fs::exists(out));
  EXPECT_EQ(RunCommand({"dgram", "smd", in, "-o", out, "--no-follow"}).exit_code, 0);
}

// Small data of the first file alone, and of both files.
TEST(ReadCommand, ReadsTheChunksThatAreAnnouncedUnlessItIsToldNotTo) {
  for (const TransitionId service : {TransitionId::kEnable, TransitionId::kSlowUpdate}) {
    const TestFolder folder;
    const std::string in = folder.Write(
        "scan-c5.xtc2",
        ChunkedConfigure() + L1Accept(1) +
            fixtures::Dgram(service,
                            fixtures::ShapesData(kChunkSrc, fixtures::Shape({6}),
                                                 fixtures::Bytes(uint32_t{1}) + "b.xtc2"),
                            2));
    const std::string chunk = folder.Write("b.xtc2", L1Accept(3) + L1Accept(4));
    const std::string out = folder.path() + "/out", alone = folder.path() + "/alone";
    ASSERT_EQ(RunCommand({"dgram", "smd", in, "-o", out}).exit_code, 0);
    ASSERT_EQ(RunCommand({"dgram", "smd", in, "-o", alone, "--no-follow"}).exit_code, 0);
    const auto read = [&](const std::string& smd, const std::vector<std::string>& more = {}) {
      std::vector<std::string> arguments = {"dgram", "read", "--smd", smd, "--data", in, "--json"};
      arguments.insert(arguments.end(), more.begin(), more.end());
      return RunCommand(arguments);
    };
    const CommandResult both = read(out);
    EXPECT_EQ(both.exit_code, 0) << both.err;
    // The change of chunk is listed with the batch that announces it, however late it is opened.
    for (const std::string& smd : {out, alone}) {
      for (const char* prefetch : {"0", "1", "8"}) {
        const CommandResult listed =
            read(smd, {"--batches", "--batch-size", "1", "--prefetch", prefetch});
        EXPECT_EQ(listed.exit_code, 0) << listed.err;
        const Json batches = Json::parse(listed.out)["batches"];
        ASSERT_EQ(batches.size(), smd == out ? 4 : 2);
        EXPECT_EQ(batches[1]["reads"], Json::parse(R"([{"stream": 0, "chunk_id": 1,
                                                        "filename": "b.xtc2"}])"));
      }
    }
    EXPECT_THAT(both.out,
                AllOf(ContainsRegex("\"n_dgrams\": ?3"), ContainsRegex("\"n_files\": ?2")));
    EXPECT_EQ(read(out, {"--no-follow"}).exit_code, 2);

    fs::remove(chunk);
    const CommandResult absent = read(alone);
    EXPECT_EQ(absent.exit_code, 1);
    EXPECT_THAT(absent.out, ContainsRegex("\"n_events\": ?2"));
    EXPECT_THAT(absent.err, AllOf(HasSubstr(chunk), HasSubstr("chunk 1, announced")));
    EXPECT_EQ(read(alone, {"--no-follow"}).exit_code, 0);
  }
}

TEST(SmdCommand, NeverReadsAFileTwice) {
  const TestFolder folder;
  const std::string itself =
      folder.Write("r-c000.xtc2", ChunkedConfigure() + L1Accept(1) + EnableNext(1, "r-c000.xtc2"));
  const std::string there =
      folder.Write("a-c000.xtc2", ChunkedConfigure() + L1Accept(1) + EnableNext(1, "b.xtc2"));
  folder.Write("b.xtc2", L1Accept(2) + EnableNext(2, "a-c000.xtc2"));
  const std::string out = folder.path() + "/out";
  for (const std::string& in : {itself, there}) {
    const CommandResult result = RunCommand({"dgram", "smd", in, "-o", out});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, AllOf(HasSubstr("announces " + folder.path()), HasSubstr("-c000.xtc2"),
                                  HasSubstr("read before"), HasSubstr("--no-follow")));
    EXPECT_FALSE(fs::exists(out));
    EXPECT_EQ(RunCommand({"dgram", "smd", in, "-o", out, "--no-follow"}).exit_code, 0);
    fs::remove(out);
  }
}

TEST(SmdCommand, NamesAChunkThatIsMissingAndLeavesNothing) {
  const TestFolder folder;
  const std::string in =
      folder.Write("a-c000.xtc2", ChunkedConfigure() + EnableNext(1, "b-c001.xtc2"));
  const CommandResult result = RunCommand({"dgram", "smd", in, "-o", folder.path() + "/out"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr(folder.path() + "/b-c001.xtc2"),
                                HasSubstr("announced in " + in), HasSubstr("--no-follow")));
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 1);
}

TEST(SmdCommand, RefusesDataBehindTheEnableThatSendsReadersOn) {
  const TestFolder folder;
  const std::string in =
      folder.Write("a-c000.xtc2", ChunkedConfigure() + EnableNext(1, "b-c001.xtc2") + L1Accept(1));
  folder.Write("b-c001.xtc2", L1Accept(2));
  const std::string out = folder.Write("out", "before");
  const CommandResult result = RunCommand({"dgram", "smd", in, "-o", out});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(
      result.err,
      AllOf(HasSubstr("L1Accept after the announcement that sends readers on to b-c001.xtc2"),
            HasSubstr("datagram 2")));
  EXPECT_EQ(Content(out), "before");
  EXPECT_EQ(RunCommand({"dgram", "smd", in, "-o", out, "--no-follow"}).exit_code, 0);
}

TEST(SmdCommand, LeavesWhatWasThereWhenTheDataAreMalformed) {
  const TestFolder folder;
  std::string cut = fixtures::Run(2);
  cut.resize(cut.size() - 1);
  const std::string in = folder.Write("cut.xtc2", cut);
  const std::string out = folder.Write("out", "before");
  const CommandResult result = RunCommand({"dgram", "smd", in, "-o", out});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("partial datagram"));
  EXPECT_EQ(Content(out), "before");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()), 2);
}

TEST(SmdCommand, NeverReplacesTheBigDataThatItReads) {
  const TestFolder folder;
  const std::string in = folder.Write("run.xtc2", fixtures::Run(1));
  fs::create_hard_link(in, folder.path() + "/link");
  for (const std::string& out : {in, folder.path() + "/link"}) {
    const CommandResult result = RunCommand({"dgram", "smd", in, "-o", out});
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("would replace the big data"));
    EXPECT_EQ(Content(in), fixtures::Run(1));
  }
}

TEST(SmdCommand, ExitsOneWhereAFileCanNotBeReadOrWritten) {
  const TestFolder folder;
  const std::string in = folder.Write("run.xtc2", fixtures::Run(1));
  EXPECT_EQ(
      RunCommand({"dgram", "smd", folder.path() + "/no", "-o", folder.path() + "/out"}).exit_code,
      1);
  EXPECT_EQ(RunCommand({"dgram", "smd", in, "-o", folder.path()}).exit_code, 1);
  EXPECT_EQ(RunCommand({"dgram", "smd", in}).exit_code, 1);
}

}  // namespace
}  // namespace alkaid::tools
