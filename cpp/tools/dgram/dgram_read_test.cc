// `alkaid dgram read` with malformed small data: it must name the same places as `verify`.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "fixtures/made_streams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = events::fixtures;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Two streams of small data; the second has one impossible record.
struct MalformedRun {
  explicit MalformedRun(const TestFolder& folder, uint64_t size) {
    std::string big;
    std::string first = fixtures::SmdConfigure(), second = first;
    for (uint64_t t = 1; t < 20; ++t) {
      if (t % 6 == 0) {
        const std::string step = fixtures::Dgram(dgram::TransitionId::kSlowUpdate, t, "");
        first += step;
        second += step;
        big += step;
        continue;
      }
      if (t % 3 != 0) first += fixtures::Smd(t, big.size(), 24);
      // Four headers precede its words.
      if (t == kBadTimestamp) byte = second.size() + 60;
      second += fixtures::Smd(t, big.size(), t == kBadTimestamp ? size : 24);
      big += fixtures::L1(t);
    }
    data = folder.Write("big.xtc2", big);
    smd = {folder.Write("a.smd.xtc2", first), folder.Write("b.smd.xtc2", second)};
  }
  CommandResult Read(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"dgram", "read",   "--smd", smd[0],
                                          smd[1],  "--data", data,    data};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunCommand(arguments);
  }

  static constexpr uint64_t kBadTimestamp = 11;
  std::vector<std::string> smd;
  std::string data;
  size_t byte = 0;
};

TEST(ReadCommand, NamesTheByteOfTheSmallDataAsVerifyDoes) {
  const TestFolder folder;
  const MalformedRun run(folder, 5);
  const std::string place = run.smd[1] + ": byte " + std::to_string(run.byte) + " (";
  const CommandResult verified = RunCommand({"dgram", "verify", run.smd[1]});
  EXPECT_EQ(verified.exit_code, 2);
  EXPECT_THAT(verified.out, AllOf(HasSubstr(place), HasSubstr("record of 5 bytes")));
  using Arguments = std::vector<std::string>;
  for (const Arguments& more :
       {Arguments{}, Arguments{"--batch-size", "1"}, Arguments{"--batch-size", "4"},
        Arguments{"--window-events", "1"}, Arguments{"--smd-chunk-bytes", "100"},
        Arguments{"--timestamps", "2,11,13"}, Arguments{"--fake-steps"}}) {
    const CommandResult read = run.Read(more);
    EXPECT_EQ(read.exit_code, 2);
    EXPECT_THAT(read.err, AllOf(HasSubstr("stream 1, timestamp 11: " + place),
                                HasSubstr("record of 5 bytes")))
        << ::testing::PrintToString(more);
  }
}

TEST(ReadCommand, ARecordOfMoreThanADatagramCanHaveIsMalformed) {
  const TestFolder folder;
  const MalformedRun run(folder, 4294967308);
  const CommandResult verified = RunCommand({"dgram", "verify", run.smd[0], run.smd[1]});
  EXPECT_EQ(verified.exit_code, 2);
  EXPECT_THAT(verified.out, HasSubstr("record of 4294967308 bytes"));
  const CommandResult read = run.Read({});
  EXPECT_EQ(read.exit_code, 2);
  EXPECT_THAT(read.err, HasSubstr("record of 4294967308 bytes"));
  // A size that a datagram can have, and that exceeds the reader's limit, is not malformed.
  const TestFolder another;
  const MalformedRun large(another, 4294967307);
  EXPECT_EQ(RunCommand({"dgram", "verify", large.smd[1]}).exit_code, 0);
  EXPECT_EQ(large.Read({}).exit_code, 1);
}

}  // namespace
}  // namespace alkaid::tools
