// `alkaid dgram edit` and `alkaid dgram write` as people use them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "fixtures/made_dgrams.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = dgram::fixtures;
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kFex[] =
    "name=fex,alg=calib:1.2.3,type=fextype,id=serial-1,segment=2,field=energy:DOUBLE,"
    "field=image:UINT16:2x3,field=note:CHARSTR,field=mode:modeEnum:ENUMVAL";

std::string Content(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

int64_t Entries(const TestFolder& folder) {
  return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
}

nlohmann::json Dump(const std::string& path) {
  const CommandResult result = RunCommand({"dgram", "dump", "--json", path});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return nlohmann::json::parse(result.out);
}

// The values of all fields "det.alg.field" of one datagram.
nlohmann::json ValuesOf(const nlohmann::json& dgram) {
  nlohmann::json values = nlohmann::json::object();
  for (const auto& field : dgram["fields"]) {
    const std::string key = field["detector"].get<std::string>() + "." +
                            field["algorithm"].get<std::string>() + "." +
                            field["name"].get<std::string>();
    values[key] = field.contains("values") ? field["values"] : field["value"];
  }
  return values;
}

class EditCommand : public ::testing::Test {
 protected:
  // Edits fixtures::Run(3), unless `in` is given.
  CommandResult Edit(std::vector<std::string> arguments, const std::string& in = "") {
    std::vector<std::string> all = {"dgram", "edit", in.empty() ? input : in, "-o", output};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return RunCommand(all);
  }

  const TestFolder folder;
  const std::string input = folder.Write("in.xtc2", fixtures::Run(3));
  const std::string output = folder.path() + "/out.xtc2";
};

TEST_F(EditCommand, AddsADetectorWithValuesThatCount) {
  const CommandResult result = Edit({"--add-detector", kFex});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, AllOf(HasSubstr("out.xtc2: 6 datagrams, 3 events, "),
                                HasSubstr(std::to_string(fs::file_size(output)) + " bytes")));
  const nlohmann::json dump = Dump(output);
  const auto& names = dump["dgrams"][0]["names"];
  ASSERT_EQ(names.size(), 2U);
  EXPECT_EQ(names[1]["detector"], "fex");
  EXPECT_EQ(names[1]["segment"], 2);
  EXPECT_EQ(names[1]["algorithm"], "calib");
  EXPECT_EQ(names[1]["version"], "1.2.3");
  EXPECT_EQ(names[1]["detector_type"], "fextype");
  EXPECT_EQ(names[1]["detector_id"], "serial-1");
  EXPECT_EQ(names[1]["names_id"], "0x000106");
  EXPECT_EQ(dump["dgrams"][1]["fields"].size(), 0U);
  const nlohmann::json second = ValuesOf(dump["dgrams"][3]);
  EXPECT_EQ(second["fex.calib.energy"], 1.0);
  EXPECT_EQ(second["fex.calib.image"], (std::vector<int>{2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(second["fex.calib.note"], "event-3.....");
  EXPECT_EQ(second["fex.calib.mode:modeEnum"], 4);
  EXPECT_EQ(second["det.raw.count"], 1);
  EXPECT_EQ(Content(input), fixtures::Run(3));
}

TEST_F(EditCommand, AddsTheValuesOfAJsonFile) {
  const std::string values = folder.Write(
      "values.json",
      R"({"fex.calib": {"energy": 0.5, "image": [[1, 2, 3], [4, 5, 65535]], "note": "hello"}})");
  const CommandResult result = Edit({"--add-detector", kFex, "--add-data", values});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json last = ValuesOf(Dump(output)["dgrams"][4]);
  EXPECT_EQ(last["fex.calib.energy"], 0.5);
  EXPECT_EQ(last["fex.calib.image"], (std::vector<int>{1, 2, 3, 4, 5, 65535}));
  EXPECT_EQ(last["fex.calib.note"], "hello");
  EXPECT_EQ(last["fex.calib.mode:modeEnum"], 0);
}

TEST_F(EditCommand, AddsZerosOrNoDataAtAll) {
  ASSERT_EQ(Edit({"--add-detector", kFex, "--add-data", "zeros"}).exit_code, 0);
  const nlohmann::json zeros = ValuesOf(Dump(output)["dgrams"][2]);
  EXPECT_EQ(zeros["fex.calib.image"], (std::vector<int>{0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(zeros["fex.calib.note"], "");
  ASSERT_EQ(Edit({"--add-detector", kFex, "--add-data", "none"}).exit_code, 0);
  const nlohmann::json none = Dump(output);
  EXPECT_EQ(none["dgrams"][0]["names"].size(), 2U);
  EXPECT_FALSE(ValuesOf(none["dgrams"][2]).contains("fex.calib.note"));
}

TEST_F(EditCommand, RemovesADetectorsData) {
  ASSERT_EQ(Edit({"--remove", "det.raw"}).exit_code, 0);
  const nlohmann::json dump = Dump(output);
  EXPECT_EQ(dump["dgrams"][0]["names"].size(), 1U);
  for (const auto& dgram : dump["dgrams"]) EXPECT_EQ(dgram["fields"].size(), 0U);
  EXPECT_EQ(dump["dgrams"][2]["size"], 24);
  ASSERT_EQ(Edit({"--remove", "det.raw.0"}).exit_code, 0);
  EXPECT_EQ(Dump(output)["dgrams"][2]["size"], 24);
}

TEST_F(EditCommand, SetsDamageAndMovesTimes) {
  ASSERT_EQ(Edit({"--set-damage", "0x2", "--time-offset", "-1000000000"}).exit_code, 0);
  const nlohmann::json dump = Dump(output);
  EXPECT_EQ(dump["dgrams"][0]["damage"], 0);
  EXPECT_EQ(dump["dgrams"][3]["damage"], 2);
  EXPECT_EQ(dump["dgrams"][3]["seconds"], 0);
  EXPECT_EQ(dump["dgrams"][3]["nanoseconds"], 1);
  ASSERT_EQ(Edit({"--time-offset", "999999999"}).exit_code, 0);
  EXPECT_EQ(Dump(output)["dgrams"][3]["seconds"], 2);
  EXPECT_EQ(Dump(output)["dgrams"][3]["nanoseconds"], 0);
  const CommandResult before_time = Edit({"--time-offset", "-1000000001"});
  EXPECT_EQ(before_time.exit_code, 1);
  EXPECT_THAT(before_time.err, HasSubstr("no timestamp can state"));
}

TEST_F(EditCommand, WithoutEditsWritesTheSameBytesAlsoOverItsInputAndToAPipe) {
  ASSERT_EQ(Edit({}).exit_code, 0);
  EXPECT_EQ(Content(output), fixtures::Run(3));
  ASSERT_EQ(RunCommand({"dgram", "edit", input, "-o", input, "--remove", "det.raw"}).exit_code, 0);
  EXPECT_EQ(Dump(input)["dgrams"][2]["size"], 24);
  const CommandResult piped = RunCommand({"dgram", "edit", output, "-o", "/dev/stdout"});
  EXPECT_EQ(piped.exit_code, 0);
  EXPECT_EQ(piped.out, fixtures::Run(3));
  EXPECT_EQ(Entries(folder), 2);
}

TEST_F(EditCommand, AMalformedFileExitsTwoAndLeavesTheOldOutput) {
  std::string run = fixtures::Run(3);
  run.resize(run.size() - 30);
  const std::string cut = folder.Write("cut.xtc2", run);
  const CommandResult result = Edit({"--remove", "det.raw"}, cut);
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, AllOf(HasSubstr("cut.xtc2"), HasSubstr("partial datagram")));
  EXPECT_FALSE(fs::exists(output));
  folder.Write("out.xtc2", "old");
  EXPECT_EQ(Edit({}, cut).exit_code, 2);
  EXPECT_EQ(Content(output), "old");
  // The same with the input as the output.
  EXPECT_EQ(RunCommand({"dgram", "edit", cut, "-o", cut}).exit_code, 2);
  EXPECT_EQ(Content(cut), run);
  EXPECT_EQ(Entries(folder), 3);
}

// A field exceeds its data.
TEST_F(EditCommand, MalformedDataAreRefusedUnlessTheyAreRemoved) {
  const std::string bad = folder.Write(
      "bad.xtc2",
      fixtures::Run(1) +
          fixtures::Dgram(
              dgram::TransitionId::kL1Accept,
              fixtures::ShapesData(fixtures::kSrc, fixtures::Shape({8}) + fixtures::Shape({2, 3}),
                                   "short")));
  const CommandResult kept = Edit({"--set-damage", "1"}, bad);
  EXPECT_EQ(kept.exit_code, 2);
  EXPECT_THAT(kept.err, HasSubstr("field \"text\""));
  EXPECT_FALSE(fs::exists(output));
  const CommandResult removed = Edit({"--remove", "det.raw"}, bad);
  EXPECT_EQ(removed.exit_code, 0) << removed.err;
  EXPECT_EQ(RunCommand({"dgram", "digest", output}).exit_code, 0);
}

TEST_F(EditCommand, WhatIsNotUnderstoodOrNotThereExitsOneAndWritesNothing) {
  const std::string json = folder.Write("values.json", R"({"fex.calib": {"energy": "much"}})");
  const std::string other = folder.Write("other.json", R"({"fex.calib": {"image": [1, 2]}})");
  const std::string large = folder.Write("large.json", R"({"fex.calib": {"image": 65536}})");
  const std::string unknown = folder.Write("unknown.json", R"({"fex.raw": {}})");
  const std::string torn = folder.Write("torn.json", R"({"fex.calib": )");
  const std::vector<std::pair<std::vector<std::string>, std::string>> wrong = {
      {{"--remove", "det"}, "DETECTOR.ALGORITHM"},
      {{"--remove", "det.raw.x"}, "\"x\" is not a number"},
      {{"--remove", "dte.raw"}, "\"dte\""},
      {{"--add-detector", "name=fex"}, "algorithm"},
      {{"--add-detector", "name=fex,alg=a,filed=x:FLOAT"}, "\"filed=x:FLOAT\""},
      {{"--add-detector", "name=fex,alg=a,field=x:FLOTA"}, "\"x:FLOTA\""},
      {{"--add-detector", "name=fex,alg=a,field=x:FLOAT:2xx"}, "not a number"},
      {{"--add-detector", "name=fex,alg=a,field=x:FLOAT:99999x99999"}, "--room"},
      {{"--add-detector", "name=fex,alg=a:1.2.3.4,field=x:FLOAT"}, "version"},
      {{"--add-detector", "name=f-x,alg=a,field=x:FLOAT"}, "\"f-x\""},
      {{"--add-detector", "name=fex,alg=a,node=1,number=5,field=x:FLOAT"}, "det/0/raw"},
      {{"--add-detector", kFex, "--add-data", "/nowhere.json"}, "/nowhere.json"},
      {{"--add-detector", kFex, "--add-data", json},
       "fex.calib.energy: \"much\" is not of type DOUBLE"},
      {{"--add-detector", kFex, "--add-data", other}, "2 values, its shape has 6"},
      {{"--add-detector", kFex, "--add-data", large}, "65536 is not of type UINT16"},
      {{"--add-detector", kFex, "--add-data", unknown}, "fex.raw is not an added detector"},
      {{"--add-detector", kFex, "--add-data", torn}, "not JSON: malformed at byte 14"},
      {{"--set-damage", "65536"}, "--set-damage"}};
  for (const auto& [arguments, message] : wrong) {
    const CommandResult result = Edit(arguments);
    EXPECT_EQ(result.exit_code, 1) << ::testing::PrintToString(arguments);
    EXPECT_THAT(result.err, HasSubstr(message));
    EXPECT_EQ(result.out, "");
    EXPECT_FALSE(fs::exists(output));
  }
  EXPECT_EQ(Edit({}, folder.path() + "/missing.xtc2").exit_code, 1);
  const CommandResult nowhere =
      RunCommand({"dgram", "edit", input, "-o", folder.path() + "/no/where.xtc2"});
  EXPECT_EQ(nowhere.exit_code, 1);
  EXPECT_THAT(nowhere.err, HasSubstr("/no"));
  EXPECT_EQ(Entries(folder), 6);
}

TEST_F(EditCommand, AFileWithoutConfigureIsEditedUnderAnothers) {
  const std::string chunk = folder.Write("chunk.xtc2", fixtures::Event(0) + fixtures::Event(1));
  EXPECT_EQ(Edit({"--remove", "det.raw"}, chunk).exit_code, 2);
  ASSERT_EQ(Edit({"--remove", "det.raw", "--config", input}, chunk).exit_code, 0);
  EXPECT_EQ(fs::file_size(output), 48U);
  // Headers need no declarations.
  ASSERT_EQ(Edit({"--set-damage", "1"}, chunk).exit_code, 0);
  const CommandResult nothing_to_add_to = Edit({"--add-detector", kFex, "--config", input}, chunk);
  EXPECT_EQ(nothing_to_add_to.exit_code, 1);
  EXPECT_THAT(nothing_to_add_to.err, HasSubstr("no Configure before its events"));
}

TEST_F(EditCommand, AChunkGetsTheDetectorThatItsFirstFileWasGiven) {
  ASSERT_EQ(Edit({"--add-detector", kFex}).exit_code, 0);
  const std::string first = folder.path() + "/first.xtc2";
  fs::rename(output, first);
  const std::string chunk = folder.Write("chunk.xtc2", fixtures::Event(3) + fixtures::Event(4));
  const CommandResult result = Edit({"--add-detector", kFex, "--config", first}, chunk);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const CommandResult dump = RunCommand({"dgram", "dump", "--json", output, "--config", first});
  ASSERT_EQ(dump.exit_code, 0) << dump.err;
  const nlohmann::json second = ValuesOf(nlohmann::json::parse(dump.out)["dgrams"][1]);
  EXPECT_EQ(second["fex.calib.energy"], 1.0);
  EXPECT_EQ(second["fex.calib.note"], "event-3.....");
  EXPECT_EQ(second["det.raw.count"], 4);
  // Another version or other fields make another detector.
  fs::remove(output);
  for (const char* const other : {"name=fex,alg=calib:1.2.4,segment=2,field=energy:DOUBLE",
                                  "name=fex,alg=calib:1.2.3,segment=2,field=energy:FLOAT"}) {
    const CommandResult refused = Edit({"--add-detector", other, "--config", first}, chunk);
    EXPECT_EQ(refused.exit_code, 1);
    EXPECT_THAT(refused.err, HasSubstr("declares no fex/2/calib"));
    EXPECT_FALSE(fs::exists(output));
  }
}

// Its content was not checked, so it must stay marked.
TEST_F(EditCommand, ACorruptedDatagramStaysCorruptedWhateverDamageIsSet) {
  const std::string file = folder.Write(
      "corrupted.xtc2",
      fixtures::Run(1) + fixtures::Dgram(dgram::TransitionId::kL1Accept, "rubbish!", 9, 0x9));
  for (const auto& [set, damage] : {std::pair("0", 0x8), {"2", 0xa}, {"0x2", 0xa}}) {
    const CommandResult result = Edit({"--set-damage", set}, file);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("1 datagram stays corrupted"));
    EXPECT_EQ(Dump(output)["dgrams"][4]["damage"], damage);
    EXPECT_EQ(Dump(output)["dgrams"][2]["damage"], damage & ~0x8);
    EXPECT_EQ(RunCommand({"dgram", "verify", output}).exit_code, 0);
  }
  const CommandResult all = Edit({"--set-damage", "8"}, file);
  EXPECT_EQ(all.err, "");
  EXPECT_EQ(Dump(output)["dgrams"][2]["damage"], 8);
  EXPECT_THAT(RunCommand({"dgram", "edit", "--help"}).out, HasSubstr("is not parsed"));
}

TEST_F(EditCommand, DamageIsDecimalUnlessItStartsWith0x) {
  ASSERT_EQ(Edit({"--set-damage", "0010"}).exit_code, 0);
  EXPECT_EQ(Dump(output)["dgrams"][2]["damage"], 10);
  ASSERT_EQ(Edit({"--set-damage", "0xFFFF"}).exit_code, 0);
  EXPECT_EQ(Dump(output)["dgrams"][2]["damage"], 65535);
}

TEST_F(EditCommand, SaysThatADetectorWasDeclaredAlreadyAndCountsOneOfAThing) {
  const std::string one = folder.Write("one.xtc2", fixtures::Run(1));
  const CommandResult result = Edit({"--add-detector", "name=det,alg=raw,field=x:FLOAT"}, one);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("det/0/raw was declared already; both declarations stay"));
  EXPECT_THAT(result.out, HasSubstr("4 datagrams, 1 event, "));
  EXPECT_EQ(Edit({"--add-detector", "name=det,alg=raw,segment=1,field=x:FLOAT"}, one).err, "");
}

TEST_F(EditCommand, ALaterConfigureGetsTheDetectorTooAndCorruptedDatagramsAreKept) {
  const std::string rubbish = fixtures::Dgram(dgram::TransitionId::kL1Accept, "rubbish", 9, 0x8);
  const std::string two = folder.Write("two.xtc2", fixtures::Run(1) + fixtures::Run(1) + rubbish);
  const CommandResult result = Edit({"--add-detector", kFex}, two);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("1 datagram not parsed: damage says corrupted"));
  const nlohmann::json dump = Dump(output);
  EXPECT_EQ(dump["dgrams"][4]["names"].size(), 2U);
  EXPECT_TRUE(ValuesOf(dump["dgrams"][6]).contains("fex.calib.note"));
  const std::string bytes = Content(output);
  EXPECT_EQ(bytes.substr(bytes.size() - rubbish.size()), rubbish);
}

TEST(WriteCommand, EqualOptionsGiveEqualFilesThatAreSound) {
  const TestFolder folder;
  const std::string one = folder.path() + "/one.xtc2";
  const std::string two = folder.path() + "/two.xtc2";
  const CommandResult result = RunCommand({"dgram", "write", "-o", one});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("one.xtc2: 17 datagrams, 10 events, 28580 bytes\n"));
  ASSERT_EQ(RunCommand({"dgram", "write", "-o", two}).exit_code, 0);
  EXPECT_EQ(Content(one), Content(two));
  EXPECT_EQ(RunCommand({"dgram", "digest", one}).exit_code, 0);
  const nlohmann::json event = Dump(one)["dgrams"][4];
  EXPECT_EQ(event["size"], 850);
  EXPECT_EQ(event["fields"].size(), 32U);
  EXPECT_EQ(RunCommand({"dgram", "write", "-o", "/dev/stdout"}).out, Content(one));
}

TEST(WriteCommand, HasTheStepsEventsAndTimesThatAreAsked) {
  const TestFolder folder;
  const std::string path = folder.path() + "/run.xtc2";
  ASSERT_EQ(RunCommand({"dgram", "write", "-o", path, "--steps", "2", "--events-per-step", "3",
                        "--start", "50", "--period", "400000000", "--epics-period", "2"})
                .exit_code,
            0);
  std::string services;
  std::vector<int64_t> times;
  const nlohmann::json dump = Dump(path);
  for (const auto& dgram : dump["dgrams"]) {
    services += dgram["service"].get<std::string>() + " ";
    times.push_back(dgram["seconds"].get<int64_t>() * 1'000'000'000 +
                    dgram["nanoseconds"].get<int64_t>());
  }
  EXPECT_EQ(services,
            "Configure BeginRun "
            "BeginStep Enable L1Accept L1Accept SlowUpdate L1Accept Disable EndStep "
            "BeginStep Enable L1Accept SlowUpdate L1Accept L1Accept SlowUpdate Disable EndStep "
            "EndRun ");
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(times[i], 50'000'000'000 + static_cast<int64_t>(i) * 400'000'000);
  }
  EXPECT_TRUE(ValuesOf(dump["dgrams"][6]).contains("epics.raw.temperature"));
}

TEST(WriteCommand, StreamsShareTimesAndDifferInSegments) {
  const TestFolder folder;
  const CommandResult result =
      RunCommand({"dgram", "write", "-o", folder.path() + "/run-s{}.xtc2", "--streams", "2",
                  "--events", "4", "--digitizers", "3", "--epics-period", "2"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nlohmann::json first = Dump(folder.path() + "/run-s000.xtc2");
  const nlohmann::json second = Dump(folder.path() + "/run-s001.xtc2");
  ASSERT_EQ(first["dgrams"].size(), second["dgrams"].size());
  for (size_t i = 0; i < first["dgrams"].size(); ++i) {
    EXPECT_EQ(first["dgrams"][i]["timestamp"], second["dgrams"][i]["timestamp"]);
    EXPECT_EQ(first["dgrams"][i]["service"], second["dgrams"][i]["service"]);
  }
  EXPECT_EQ(first["dgrams"][0]["names"][2]["segment"], 2);
  EXPECT_EQ(second["dgrams"][0]["names"][0]["segment"], 3);
  const CommandResult no_place =
      RunCommand({"dgram", "write", "-o", folder.path() + "/x", "--streams", "2"});
  EXPECT_EQ(no_place.exit_code, 1);
  EXPECT_THAT(no_place.err, HasSubstr("{}"));
  EXPECT_EQ(Entries(folder), 2);
}

TEST(WriteCommand, APayloadTakesThePlaceOfTheDetectors) {
  const TestFolder folder;
  const std::string path = folder.path() + "/run.xtc2";
  ASSERT_EQ(
      RunCommand({"dgram", "write", "-o", path, "--events", "1", "--payload", "100000"}).exit_code,
      0);
  const nlohmann::json event = Dump(path)["dgrams"][4];
  EXPECT_EQ(event["fields"].size(), 2U);
  EXPECT_EQ(event["fields"][1]["size"], 100000);
  EXPECT_EQ(RunCommand({"dgram", "write", "-o", path, "--payload", "0"}).exit_code, 1);
  EXPECT_EQ(
      RunCommand({"dgram", "write", "-o", path, "--payload", "9", "--digitizers", "1"}).exit_code,
      1);
}

TEST(WriteCommand, TimesThatNoTimestampCanStateAreRefused) {
  const TestFolder folder;
  const CommandResult result = RunCommand({"dgram", "write", "-o", folder.path() + "/run.xtc2",
                                           "--start", "4294967295", "--period", "1000000000"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("second 4294967296"));
  EXPECT_EQ(Entries(folder), 0);
}

}  // namespace
}  // namespace alkaid::tools
