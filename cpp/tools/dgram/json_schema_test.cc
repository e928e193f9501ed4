// The JSON of `alkaid dgram`: always one object, the same meaning of a key in all commands, and no
// number that a reader with 53 bits changes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "alkaid/dgram/writer.h"
#include "fixtures/made_dgrams.h"
#include "fixtures/made_streams.h"
#include "tools/dgram/field_text.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = events::fixtures;
using dgram::TransitionId;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
using Words = std::vector<std::string>;

// Strict: exactly one object, no NaN or infinity, no key twice in an object, ASCII.
Json Parse(const std::string& text) {
  std::vector<std::set<std::string>> open;
  const auto note = [&](int /*depth*/, Json::parse_event_t event, Json& parsed) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key) {
      EXPECT_TRUE(open.back().insert(parsed.get<std::string>()).second) << "twice: " << parsed;
    }
    return true;
  };
  for (const char c : text) {
    EXPECT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << text;
  }
  Json json = Json::parse(text, note, /*allow_exceptions=*/false);
  EXPECT_TRUE(json.is_object()) << text;
  return json;
}

// A run of one stream, in big and small data.
class JsonOfDgram : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string small = fixtures::SmdConfigure();
    std::string big = dgram::fixtures::Configure();
    for (uint64_t t = 1; t < 5; ++t) {
      const std::string dgram = fixtures::L1(t);
      small += fixtures::Smd(t, big.size(), dgram.size());
      big += dgram;
    }
    small_ = folder_.Write("s.smd.xtc2", small);
    big_ = folder_.Write("s.xtc2", big);
    out_ = folder_.path() + "/out";
  }

  // Each command with its input; `write` reads nothing.
  std::vector<Words> Commands(const std::string& big, const std::string& small) const {
    return {{"dgram", "ls", "--json", big},
            {"dgram", "dump", "--json", big},
            {"dgram", "digest", "--json", big},
            {"dgram", "verify", "--json", big},
            {"dgram", "smd", "--json", big, "-o", out_},
            {"dgram", "edit", "--json", big, "-o", out_},
            {"dgram", "events", "--json", "--events", small},
            {"dgram", "read", "--json", "--batches", "--smd=" + small, "--data=" + big}};
  }

  const TestFolder folder_;
  std::string small_;
  std::string big_;
  std::string out_;
};

// Collects the kinds of values for each key; null means that there is none.
void NoteKinds(const Json& json, std::map<std::string, std::set<std::string>>* kinds) {
  if (json.is_object()) {
    for (const auto& [key, value] : json.items()) {
      if (!value.is_null()) (*kinds)[key].insert(value.type_name());
    }
  }
  if (json.is_structured()) {
    for (const Json& one : json) NoteKinds(one, kinds);
  }
}

TEST_F(JsonOfDgram, IsOneObjectWithAnErrorOrNoneAlsoWhereThereIsNoFile) {
  for (const Words& command : Commands(big_, small_)) {
    const CommandResult result = RunCommand(command);
    EXPECT_EQ(result.exit_code, 0) << command[1] << result.err;
    EXPECT_TRUE(Parse(result.out).at("error").is_null()) << command[1];
  }
  const std::string missing = folder_.path() + "/missing";
  for (const Words& command : Commands(missing, missing)) {
    const CommandResult result = RunCommand(command);
    EXPECT_EQ(result.exit_code, 1) << command[1];
    EXPECT_THAT(result.err, HasSubstr("No such file")) << command[1];
    Json report = Parse(result.out);
    if (report.contains("files")) report = report["files"][0];
    EXPECT_THAT(report.at("error").get<std::string>(), HasSubstr("No such file")) << command[1];
  }
  const CommandResult cannot =
      RunCommand({"dgram", "write", "--json", "-o", folder_.path() + "/no/out"});
  EXPECT_EQ(cannot.exit_code, 1);
  EXPECT_TRUE(Parse(cannot.out).at("error").is_string());
}

// Commands that write count what they write; for readers an event may be a transition too.
TEST_F(JsonOfDgram, CountsOfEventsHaveTheTransitionsAmongThem) {
  const std::string out = folder_.path() + "/out";
  const Json written = Parse(RunCommand({"dgram", "write", "--json", "-o", out}).out)["outputs"][0];
  const Json edited =
      Parse(RunCommand({"dgram", "edit", "--json", "-o", out + "2", "--set-damage=1", out}).out);
  for (const Json& made : {written, edited}) {
    EXPECT_EQ(made["n_l1_accepts"], 10);
    EXPECT_FALSE(made.contains("n_events"));
  }
  ASSERT_EQ(RunCommand({"dgram", "smd", out, "-o", out + ".smd"}).exit_code, 0);
  const int64_t events = written["n_dgrams"].get<int64_t>() - 1;
  for (const Words& command :
       {Words{"events", out + ".smd"}, {"read", "--smd", out + ".smd", "--data", out}}) {
    Words arguments = {"dgram", command[0], "--json"};
    arguments.insert(arguments.end(), command.begin() + 1, command.end());
    EXPECT_EQ(Parse(RunCommand(arguments).out)["n_events"], events) << command[0];
  }
}

TEST_F(JsonOfDgram, HasAKeyForOneKindOfValueInAllCommands) {
  std::map<std::string, std::set<std::string>> kinds;
  std::vector<Words> commands = Commands(big_, small_);
  commands.push_back({"dgram", "write", "--json", "-o", folder_.path() + "/s{}", "--streams", "2"});
  commands.push_back({"dgram", "verify", "--json", folder_.Write("cut", "cut")});
  for (const Words& command : commands) NoteKinds(Parse(RunCommand(command).out), &kinds);
  for (const auto& [key, of] : kinds) {
    // The only key whose kind is that of the field.
    if (key == "value") continue;
    EXPECT_EQ(of.size(), 1U) << key << " is " << ::testing::PrintToString(of);
  }
  EXPECT_EQ(kinds.at("timestamp"), std::set<std::string>{"string"});
  EXPECT_EQ(kinds.at("service"), std::set<std::string>{"string"});
  EXPECT_EQ(kinds.at("dgrams"), std::set<std::string>{"array"});
}

TEST_F(JsonOfDgram, SaysTheSameOfADatagramInEveryCommand) {
  const Json listed = Parse(RunCommand({"dgram", "ls", "--json", big_}).out)["dgrams"];
  const Json dumped = Parse(RunCommand({"dgram", "dump", "--json", big_}).out)["dgrams"];
  const Json read = Parse(RunCommand(Commands(big_, small_).back()).out)["batches"];
  ASSERT_EQ(listed.size(), 5U);
  ASSERT_EQ(dumped.size(), 5U);
  for (size_t i = 0; i < listed.size(); ++i) {
    for (const auto& [key, value] : listed[i].items()) EXPECT_EQ(dumped[i][key], value) << key;
  }
  const Json& events = read[0]["events"];
  ASSERT_EQ(events.size(), 4U);
  for (size_t i = 0; i < events.size(); ++i) {
    for (const auto& [key, value] : events[i]["dgrams"][0].items()) {
      if (key == "sha256") continue;
      EXPECT_EQ(value, listed[i + 1][key]) << key;
    }
    EXPECT_EQ(read[0]["reads"][0]["offset"], listed[1]["offset"]);
  }
}

// A datagram of one detector with values that do not fit into 53 bits, or into JSON at all.
std::string ExtremeRun() {
  using dgram::fixtures::Bytes;
  using dgram::fixtures::Shape;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr float kFloatInfinity = std::numeric_limits<float>::infinity();
  const std::string values = Bytes(UINT64_MAX) +
                             Bytes(std::vector<int64_t>{INT64_MIN, (int64_t{1} << 53) + 1}) +
                             Bytes(std::vector<double>{std::nan(""), kInfinity, -kInfinity, 0.5}) +
                             Bytes(std::vector<float>{-kFloatInfinity, 1.5F}) + Bytes(std::nan(""));
  const std::string data =
      dgram::fixtures::ShapesData(1, Shape({2}) + Shape({4}) + Shape({2}), values);
  const std::vector<dgram::fixtures::FieldSpec> fields = {
      {"u", 3, 0}, {"i", 7, 1}, {"d", 9, 1}, {"f", 8, 1}, {"n", 9, 0}};
  return dgram::fixtures::Dgram(TransitionId::kConfigure,
                                dgram::fixtures::Names(1, "d", 0, "a", fields)) +
         Bytes(uint64_t{0xffffffff} << 32 | 999'999'999) + Bytes(uint32_t{12} << 24) +
         dgram::fixtures::Xtc(dgram::fixtures::kParent, data);
}

TEST_F(JsonOfDgram, LosesNoBitOfLargeNumbersAndNamesWhatIsNoNumber) {
  const std::string file = folder_.Write("extreme.xtc2", ExtremeRun());
  const CommandResult result = RunCommand({"dgram", "dump", "--json", file});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json dgram = Parse(result.out)["dgrams"][1];
  EXPECT_EQ(dgram["timestamp"], "18446744070414584319");
  EXPECT_EQ(dgram["fields"][0]["value"], "18446744073709551615");
  EXPECT_EQ(dgram["fields"][1]["values"], (Json{"-9223372036854775808", "9007199254740993"}));
  EXPECT_EQ(dgram["fields"][2]["values"], (Json{"NaN", "Infinity", "-Infinity", 0.5}));
  EXPECT_EQ(dgram["fields"][3]["values"], (Json{"-Infinity", 1.5}));
  EXPECT_EQ(dgram["fields"][4]["value"], "NaN");
  // The output for people has no quotes around numbers.
  EXPECT_THAT(
      RunCommand({"dgram", "dump", file}).out,
      AllOf(HasSubstr("= 18446744073709551615\n"), HasSubstr("= [NaN,Infinity,-Infinity,0.5]"),
            HasSubstr("= NaN\n"), Not(HasSubstr("null"))));
}

TEST_F(JsonOfDgram, KeepsPathsOnTheirLineForPeopleAndForPrograms) {
  const std::string path = folder_.Write("a\x1b[31m\n\"b.xtc2", dgram::fixtures::Run(1));
  for (const Words& command : std::vector<Words>{{"dgram", "ls", path},
                                                 {"dgram", "verify", path},
                                                 {"dgram", "smd", path, "-o", path + "1"},
                                                 {"dgram", "edit", path, "-o", path + "2"},
                                                 {"dgram", "write", "-o", path + "3"},
                                                 {"dgram", "digest", path + "none"}}) {
    const CommandResult result = RunCommand(command);
    for (const char c : result.out + result.err) {
      ASSERT_TRUE(c == '\n' || (c >= ' ' && c <= '~')) << command[1] << ": " << result.out;
    }
    EXPECT_LE(std::count(result.out.begin(), result.out.end(), '\n'), 4) << command[1];
  }
  for (const Words& command : Commands(path, small_)) {
    const Json report = Parse(RunCommand(command).out);
    if (!report.contains("file")) continue;
    EXPECT_EQ(report["file"], path);
  }
}

TEST_F(JsonOfDgram, IsRefusedWhereTheFileItselfGoesToStdout) {
  for (const Words& command :
       std::vector<Words>{{"dgram", "smd", big_}, {"dgram", "edit", big_}, {"dgram", "write"}}) {
    Words all = command;
    all.insert(all.end(), {"--json", "-o", "/dev/stdout"});
    const CommandResult result = RunCommand(all);
    EXPECT_EQ(result.exit_code, 1) << command[1];
    EXPECT_THAT(Parse(result.out)["error"].get<std::string>(), HasSubstr("stdout")) << command[1];
  }
}

TEST(NameTextOf, ANameQuotesWhatIsNoWordOfLettersAndDigits) {
  EXPECT_EQ(NameText("HX2:DVD:GCC-01.a_b"), "HX2:DVD:GCC-01.a_b");
  EXPECT_EQ(NameText("a b"), "\"a b\"");
  EXPECT_EQ(NameText("a\"b\\"), "\"a\\\"b\\\\\"");
  EXPECT_EQ(NameText("a|b/c"), "\"a|b/c\"");
  EXPECT_EQ(NameText("\x1b[2J"), "\"\\x1b[2J\"");
  EXPECT_EQ(NameText(""), "");
}

}  // namespace
}  // namespace alkaid::tools
