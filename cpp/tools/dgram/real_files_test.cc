// Files of real runs, compared with the results of another reader.
//
// ALKAID_TEST_DATA names a folder of XTC2 files with a folder truth/ of JSON files:
// <group>__<file>.json describes <group>/<file>, mainly by `all_fields_sha256`. All files there are
// tested, with every backend.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "alkaid/core/pools/memory_pool.h"
#include "tools/dgram/real_data.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

namespace fs = std::filesystem;

struct Truth {
  fs::path file;
  nlohmann::json json;
};

class RealFiles : public RealData {
 protected:
  void SetUp() override {
    RealData::SetUp();
    if (IsSkipped()) return;
    ForEachTruth([this](const fs::path& name, const nlohmann::json& json) {
      const fs::path file = FileOf(name.stem().string());
      if (json.contains("all_fields_sha256") && fs::exists(file)) truths_.push_back({file, json});
    });
    ASSERT_FALSE(truths_.empty()) << "no truths in " << root_;
  }

  // A file without Configure continues another of its folder. The digest shows which.
  static CommandResult Digest(const Truth& truth, const std::string& backend) {
    const std::map<std::string, std::string> environment = {
        {"ALKAID_DEFAULT_MEMORY_POOL", backend}};
    CommandResult result = RunCommand({"dgram", "digest", truth.file.string()}, environment);
    if (result.err.find("before any Configure") == std::string::npos) return result;
    for (const auto& entry : fs::directory_iterator(truth.file.parent_path())) {
      if (entry.path().extension() != ".xtc2" || entry.path() == truth.file) continue;
      CommandResult other = RunCommand(
          {"dgram", "digest", truth.file.string(), "--config", entry.path().string()}, environment);
      if (other.exit_code == 0) result = std::move(other);
    }
    return result;
  }

  std::vector<Truth> truths_;
};

TEST_F(RealFiles, GiveTheDigestOfTheirTruthThroughEachBackend) {
  for (const Truth& truth : truths_) {
    const bool sound = truth.json.value("trailing_bytes", 0) == 0 && truth.json["errors"].empty();
    for (const std::string& backend : SupportedMemoryBackendNames()) {
      const CommandResult result = Digest(truth, backend);
      EXPECT_EQ(result.exit_code, sound ? 0 : 2) << truth.file << ": " << result.err;
      EXPECT_EQ(result.out, truth.json["all_fields_sha256"].get<std::string>() + "\n")
          << truth.file << " through " << backend;
    }
  }
}

TEST_F(RealFiles, ListAsManyDatagramsAsTheirTruth) {
  for (const Truth& truth : truths_) {
    const CommandResult result = RunCommand({"dgram", "ls", truth.file.string()});
    EXPECT_EQ(std::count(result.out.begin(), result.out.end(), '\n'),
              truth.json["n_dgrams"].get<int64_t>())
        << truth.file << ": " << result.err;
  }
}

TEST_F(RealFiles, HaveEachFieldWhereTheirTruthHasIt) {
  for (const Truth& truth : truths_) {
    const CommandResult result =
        RunCommand({"dgram", "dump", "--json", "--elements", "0", truth.file.string()});
    const auto dump = nlohmann::json::parse(result.out);
    if (dump["error"].is_string()) continue;  // the digests above decide whether that is right
    size_t i = 0;
    for (const auto& dgram : dump["dgrams"]) {
      for (const auto& field : dgram["fields"]) {
        if (i == truth.json["fields"].size()) break;
        const auto& expected = truth.json["fields"][i++];
        ASSERT_EQ(dgram["index"], expected["dgram"]) << truth.file;
        ASSERT_EQ(field["name"], expected["name"]) << truth.file;
        // The truth counts from the start of the datagram.
        const int64_t at = field["offset"].get<int64_t>() - dgram["offset"].get<int64_t>();
        ASSERT_EQ(at, expected["offset"]) << truth.file << " " << field;
        ASSERT_EQ(field["size"], expected["nbytes"]) << truth.file << " " << field;
        ASSERT_EQ(field["shape"], expected["shape"]) << truth.file << " " << field;
      }
    }
    EXPECT_EQ(i, truth.json["fields"].size()) << truth.file;
  }
}

TEST_F(RealFiles, ThoseThatAreBadAreRefusedNamingTheByte) {
  if (!fs::is_directory(root_ / "bad")) GTEST_SKIP() << "no folder bad in " << root_;
  for (const auto& entry : fs::directory_iterator(root_ / "bad")) {
    if (entry.path().extension() != ".xtc2") continue;
    if (fs::exists(root_ / "truth" / ("bad__" + entry.path().filename().string() + ".json"))) {
      continue;  // sound
    }
    for (const char* command : {"digest", "ls", "dump"}) {
      const CommandResult result = RunCommand({"dgram", command, entry.path().string()});
      EXPECT_EQ(result.exit_code, 2) << entry.path();
      EXPECT_THAT(result.err, ::testing::ContainsRegex(": byte [0-9]+ ")) << entry.path();
    }
  }
}

}  // namespace
}  // namespace alkaid::tools
