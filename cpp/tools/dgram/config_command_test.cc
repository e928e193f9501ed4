// --config of the `alkaid dgram` commands and of `alkaid demo`, where its file was configured anew
// in the middle.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "fixtures/two_configurations.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fixtures = events::fixtures;
using fixtures::kFloatType;
using fixtures::kUInt32Type;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A Configure of big data, which declares no records.
std::string Configure(uint64_t timestamp, uint32_t type) {
  return fixtures::Dgram(
      dgram::TransitionId::kConfigure, timestamp,
      dgram::fixtures::Names(fixtures::kValueSrc, "det", 0, "raw", {{"x", type, 0}}));
}

// The file of --config has its second Configure at 11.
class ConfigCommand : public ::testing::Test {
 protected:
  // The value of each L1Accept must be its timestamp.
  void ExpectRightValues(const std::string& file, const std::string& config) {
    const CommandResult dump = RunCommand({"dgram", "dump", "--json", file, "--config", config});
    ASSERT_EQ(dump.exit_code, 0) << dump.err;
    int values = 0;
    const nlohmann::json report = nlohmann::json::parse(dump.out);
    for (const auto& dgram : report["dgrams"]) {
      for (const auto& field : dgram["fields"]) {
        EXPECT_EQ(field["value"].is_string() ? std::stod(field["value"].get<std::string>())
                                             : field["value"].get<double>(),
                  std::stod(dgram["timestamp"].get<std::string>()));
        ++values;
      }
    }
    EXPECT_EQ(values, 3);
  }

  const TestFolder folder_;
  const std::string config_ = folder_.Write(
      "run-c000.xtc2", Configure(0, kUInt32Type) + fixtures::Value(2, kUInt32Type) +
                           Configure(11, kFloatType) + fixtures::Value(20, kFloatType));
  const std::string later_ = folder_.Write("run-c001.xtc2", fixtures::Value(22, kFloatType) +
                                                                fixtures::Value(24, kFloatType) +
                                                                fixtures::Value(26, kFloatType));
  const std::string between_ = folder_.Write("piece.xtc2", fixtures::Value(8, kUInt32Type) +
                                                               fixtures::Value(10, kUInt32Type) +
                                                               fixtures::Value(12, kFloatType));
  const std::string config_late_ =
      folder_.Write("late.xtc2", Configure(9, kUInt32Type) + Configure(11, kFloatType));
};

TEST_F(ConfigCommand, EachDatagramIsReadUnderTheConfigureThatBelongsToIt) {
  ExpectRightValues(later_, config_);
  ExpectRightValues(between_, config_);
  for (const std::string& file : {later_, between_}) {
    for (const std::string command : {"ls", "digest", "verify"}) {
      const CommandResult result = RunCommand({"dgram", command, file, "--config", config_});
      EXPECT_EQ(result.exit_code, 0) << command << ": " << result.err << result.out;
    }
    const CommandResult demo = RunCommand({"demo", file, "--config", config_});
    EXPECT_EQ(demo.exit_code, 0) << demo.err;
  }
  // The digest is that of the fields, as under the one Configure that counts.
  const std::string only = folder_.Write("only.xtc2", Configure(0, kFloatType));
  const auto digest = [&](const std::string& config) {
    return RunCommand({"dgram", "digest", later_, "--config", config}).out;
  };
  EXPECT_EQ(digest(config_), digest(only));
  // The same with --config from a stream.
  const std::string piped = "test \"$(cat '" + config_ + "' | '" ALKAID_COMMAND "' dgram digest '" +
                            later_ + "' --config -)\" = " + digest(only);
  EXPECT_EQ(std::system(piped.c_str()), 0);  // NOLINT(cert-env33-c): a shell's pipe
}

TEST_F(ConfigCommand, WhatIsEarlierThanAllIsRefusedInWords) {
  for (const std::string command : {"dump", "digest", "verify"}) {
    const CommandResult result = RunCommand({"dgram", command, between_, "--config", config_late_});
    EXPECT_EQ(result.exit_code, 2) << command;
    EXPECT_THAT(result.out + result.err, AllOf(HasSubstr("is earlier than all 2 Configures of "),
                                               HasSubstr("late.xtc2"), HasSubstr("is not known")))
        << command;
  }
  // Headers need no declarations.
  EXPECT_EQ(RunCommand({"dgram", "ls", between_, "--config", config_late_}).exit_code, 0);
  const CommandResult skipped = RunCommand(
      {"dgram", "digest", between_, "--config", config_late_, "--on-fault", "skip-datagram"});
  EXPECT_EQ(skipped.exit_code, 0) << skipped.err;
  EXPECT_THAT(skipped.err, HasSubstr("1 place skipped"));
}

TEST_F(ConfigCommand, EditAddsAndRemovesUnderTheConfigureThatBelongsToTheDatagram) {
  constexpr char kFex[] = "name=fex,alg=fex:1.0.0,field=energy:DOUBLE";
  const std::string edited = folder_.path() + "/edited.xtc2";
  const std::string out = folder_.path() + "/out.xtc2";
  ASSERT_EQ(RunCommand({"dgram", "edit", config_, "-o", edited, "--add-detector", kFex}).exit_code,
            0);
  const CommandResult result = RunCommand(
      {"dgram", "edit", between_, "-o", out, "--add-detector", kFex, "--config", edited});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const CommandResult dump = RunCommand({"dgram", "dump", out, "--config", edited});
  EXPECT_EQ(dump.exit_code, 0) << dump.err;
  EXPECT_THAT(dump.out, AllOf(HasSubstr("= 8\n"), HasSubstr("= 10\n"), HasSubstr("= 12.0\n"),
                              HasSubstr("energy")));
  EXPECT_EQ(RunCommand({"dgram", "verify", out, "--config", edited}).exit_code, 0);
  EXPECT_EQ(RunCommand({"dgram", "edit", between_, "-o", out, "--remove", "det.raw", "--config",
                        config_late_})
                .exit_code,
            2);
}

}  // namespace
}  // namespace alkaid::tools
