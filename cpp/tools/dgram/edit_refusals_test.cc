// What `alkaid dgram edit` refuses, and what it says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "fixtures/made_dgrams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
namespace fs = std::filesystem;
using dgram::TransitionId;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

constexpr char kFex[] =
    "name=fex,alg=fex,field=energy:FLOAT,field=image:UINT16:2x3,field=note:CHARSTR";

class EditRefusals : public ::testing::Test {
 protected:
  CommandResult Edit(const Words& arguments, const std::string& in = "") const {
    Words all = {"dgram", "edit", in.empty() ? input : in, "-o", output};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return RunCommand(all);
  }
  CommandResult EditWithJson(const std::string& json) const {
    return Edit({"--add-detector", kFex, "--add-data", folder.Write("values.json", json)});
  }
  // Expects exit code `code`, all of `parts` in the message, and no output file.
  void ExpectRefused(const CommandResult& result, int code, const Words& parts) const {
    EXPECT_EQ(result.exit_code, code) << result.err;
    for (const std::string& part : parts) EXPECT_THAT(result.err, HasSubstr(part));
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(fs::exists(output));
  }

  const TestFolder folder;
  const std::string input = folder.Write("in.xtc2", fixtures::Run(2));
  const std::string output = folder.path() + "/out.xtc2";
};

TEST_F(EditRefusals, ListsOfAnyDepthAreRefusedWithoutFollowingThem) {
  constexpr size_t kDepth = 1'000'000;
  const std::string deep = std::string(kDepth, '[') + "1" + std::string(kDepth, ']');
  ExpectRefused(EditWithJson(R"({"fex.fex": {"image": )" + deep + "}}"), 1,
                {"fex.fex.image", "lists in more than 5 lists"});
  ExpectRefused(EditWithJson(R"({"fex.fex": {"note": )" + deep + "}}"), 1,
                {"fex.fex.note: a list is not a text"});
  ExpectRefused(EditWithJson(R"({"fex.fex": )" + deep + "}"), 1, {"fex.fex is not a JSON object"});
  // Nested as deep as five dimensions.
  EXPECT_EQ(EditWithJson(R"({"fex.fex": {"image": [[[[[1, 2, 3, 4, 5, 6]]]]]}})").exit_code, 0);
}

TEST_F(EditRefusals, ValuesThatWouldNotComeBackAreRefusedNamingTheField) {
  ExpectRefused(EditWithJson(R"({"fex.fex": {"note": "a\u0000bcd"}})"), 1,
                {"fex.fex.note", "NUL at character 1"});
  ExpectRefused(EditWithJson(R"({"fex.fex": {"energy": 1e300}})"), 1,
                {"fex.fex.energy: 1e+300 is not of type FLOAT"});
  EXPECT_EQ(EditWithJson(R"({"fex.fex": {"energy": 3.4e38, "note": "ab"}})").exit_code, 0);
}

TEST_F(EditRefusals, JsonThatCanNotBeReadIsRefusedSayingWhere) {
  ExpectRefused(EditWithJson("{\"fex.fex\":\n{\"energy\": ]"), 1,
                {"values.json: not JSON: malformed at byte 23, line 2"});
  ExpectRefused(EditWithJson(R"({"fex.fex": {"energy": 1e999}})"), 1,
                {"values.json: unusable JSON"});
  ExpectRefused(EditWithJson("[]"), 1, {"values.json: not a JSON object"});
  ExpectRefused(Edit({"--add-detector", kFex, "--add-data", folder.path()}), 1,
                {folder.path(), "neither count, zeros or none, nor a file"});
}

TEST_F(EditRefusals, AdditionsLargerThanTheRoomAreRefusedBeforeMemoryIsTaken) {
  ExpectRefused(Edit({"--add-detector", "name=big,alg=a,field=x:DOUBLE:1073741824"}), 1,
                {"field \"x:DOUBLE:1073741824\"", "8589934592 bytes", "67108864", "--room"});
  ExpectRefused(Edit({"--add-detector", "name=big,alg=a,field=x:UINT8:4294967295x4294967295x99"}),
                1, {"9223372036854775808 or more bytes"});
  // The limit holds for one detector, and for all.
  const std::string half = "name=half,alg=a,field=x:UINT8:3000,field=y:UINT8:3000";
  ExpectRefused(Edit({"--add-detector", half, "--room", "5999"}), 1, {"6000 bytes", "5999 left"});
  ExpectRefused(Edit({"--add-detector", half, "--add-detector", half, "--room", "11999"}), 1,
                {"6000 bytes", "5999 left"});
}

TEST_F(EditRefusals, ALargerRoomTakesWhatTheUsualOneDoesNot) {
  const std::string big = "name=big,alg=a,field=x:UINT8:70000000";
  ExpectRefused(Edit({"--add-detector", big, "--add-data", "zeros"}), 1, {"--room"});
  const CommandResult result =
      Edit({"--add-detector", big, "--add-data", "zeros", "--room", "80000000"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_GT(fs::file_size(output), 140'000'000U);
}

TEST_F(EditRefusals, OptionsThatContradictThemselvesAreRefused) {
  ExpectRefused(Edit({"--add-detector", "name=a,name=b,alg=c,field=x:FLOAT"}), 1,
                {"\"name=b\"", "given twice"});
  ExpectRefused(Edit({"--add-data", "zeros"}), 1, {"--add-detector"});
  for (const std::string damage : {"65536", "0x10000", "8x", "-1", "0x"}) {
    ExpectRefused(Edit({"--set-damage", damage}), 1, {"--set-damage \"" + damage + "\""});
  }
}

TEST_F(EditRefusals, ATimeThatNoTimestampCanStateNamesTheFile) {
  ExpectRefused(Edit({"--time-offset", "-2000000000"}), 1, {"in.xtc2: datagram 0: -2000000000 ns"});
}

TEST_F(EditRefusals, ARemovalOfWhatNoConfigureDeclaresIsRefusedAtTheEnd) {
  ExpectRefused(Edit({"--remove", "det.raw", "--remove", "nosuch.alg"}), 1,
                {"in.xtc2: no Configure declares \"nosuch\" with algorithm \"alg\""});
  ExpectRefused(Edit({"--remove", "det.raw.7"}), 1, {"\"raw\" and segment 7"});
  const std::string configure_only = folder.Write("configure.xtc2", fixtures::Configure());
  ExpectRefused(Edit({"--remove", "nosuch.alg"}, configure_only), 1, {"\"nosuch\""});
  EXPECT_EQ(Edit({"--remove", "det.raw"}, configure_only).exit_code, 0);
}

TEST_F(EditRefusals, ARemovalOfWhatOnlyALaterConfigureDeclaresIsDone) {
  const std::string later = fixtures::Dgram(
      TransitionId::kConfigure, fixtures::Names(7, "other", 0, "raw", {{"count", 1, 0}}));
  const std::string two = folder.Write(
      "two.xtc2", fixtures::Run(1) + later +
                      fixtures::Dgram(TransitionId::kL1Accept,
                                      fixtures::ShapesData(7, "", fixtures::Bytes(uint16_t{1}))));
  const CommandResult result = Edit({"--remove", "other.raw"}, two);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(fs::file_size(output), fixtures::Run(1).size() + later.size() + 24);
}

TEST_F(EditRefusals, ACorruptedConfigureThatShouldGetADetectorIsTheDatasFault) {
  const std::string corrupted = fixtures::Dgram(TransitionId::kConfigure, "rubbish!", 5, 0x8);
  const std::string two =
      folder.Write("two.xtc2", fixtures::Run(1) + corrupted + fixtures::Event(6));
  ExpectRefused(
      Edit({"--add-detector", kFex}, two), 2,
      {"two.xtc2: byte " + std::to_string(fixtures::Run(1).size()), "datagram 4", "Configure"});
  EXPECT_EQ(Edit({"--set-damage", "1", "--add-detector", kFex}, input).exit_code, 0);
}

}  // namespace
}  // namespace alkaid::tools
