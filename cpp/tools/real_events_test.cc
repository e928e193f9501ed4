// Events and reads of real runs against what another program built and read.
//
// ALKAID_TEST_DATA names a folder of XTC2 files with a folder truth/: <group>__bs<N>[__filter].json
// has the batches that an event builder made, bd__<group>__bs<N>__chunk<M>.json the reads that big
// data took and every datagram that came of them. Whatever is listed there is tried.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "run_command.h"

namespace alkaid::tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

class RealEvents : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const root = std::getenv("ALKAID_TEST_DATA");
    if (root == nullptr || *root == '\0') {
      GTEST_SKIP() << "ALKAID_TEST_DATA is not set: no files of real runs to read";
    }
    root_ = root;
    if (!fs::is_directory(root_ / "truth")) {
      GTEST_SKIP() << "ALKAID_TEST_DATA is " << root_ << ", which has no folder truth";
    }
  }

  // "a__b__c.xtc2" is a/b/c.xtc2.
  std::string FileOf(std::string name) const {
    for (size_t at; (at = name.find("__")) != std::string::npos;) name.replace(at, 2, "/");
    return (root_ / name).string();
  }

  // Calls `check` with every truth that has `key`; answers how many there were.
  int ForEachTruth(const std::string& key, const std::function<void(const Json&)>& check) const {
    int count = 0;
    for (const auto& entry : fs::directory_iterator(root_ / "truth")) {
      if (entry.path().extension() != ".json") continue;
      std::ifstream stream(entry.path());
      const Json truth = Json::parse(stream);
      if (!truth.contains(key) || !truth.contains("batches")) continue;
      SCOPED_TRACE(entry.path().filename());
      check(truth);
      ++count;
    }
    return count;
  }

  fs::path root_;
};

TEST_F(RealEvents, AreBuiltIntoTheBatchesOfTheirTruth) {
  const int count = ForEachTruth("n_steps", [&](const Json& truth) {
    std::vector<std::string> arguments = {"dgram",    "events",       "--json",
                                          "--events", "--batch-size", truth["batch_size"].dump()};
    for (const Json& stream : truth["streams"]) arguments.push_back(FileOf(stream));
    for (const Json& timestamp : truth["filter_timestamps"]) {
      arguments.push_back("--timestamps=" + timestamp.get<std::string>());
    }
    const CommandResult result = RunCommand(arguments);
    ASSERT_EQ(result.exit_code, truth["error"].is_null() ? 0 : 2) << result.err;
    const Json built = Json::parse(result.out);
    for (const char* name : {"n_batches", "n_events", "n_steps", "batches"}) {
      EXPECT_EQ(built[name], truth[name]) << name;
    }
  });
  EXPECT_GT(count, 0) << "no truths of events in " << root_;
}

TEST_F(RealEvents, AreReadWithTheReadsOfTheirTruthHoweverFarTheyRunAhead) {
  const int count = ForEachTruth("n_reads", [&](const Json& truth) {
    for (const char* prefetch : {"0", "3"}) {
      std::vector<std::string> arguments = {"dgram",         "read",
                                            "--json",        "--batches",
                                            "--batch-size",  truth["batch_size"].dump(),
                                            "--chunk-bytes", truth["bd_chunksize"].dump(),
                                            "--prefetch",    prefetch};
      for (const Json& pair : truth["pairs"]) {
        arguments.push_back("--smd=" + FileOf(pair[0]));
        arguments.push_back("--data=" + FileOf(pair[1]));
      }
      const CommandResult result = RunCommand(arguments);
      ASSERT_EQ(result.exit_code, truth["error"].is_null() ? 0 : 2) << result.err;
      const Json read = Json::parse(result.out);
      EXPECT_EQ(read["n_reads"], truth["n_reads"]);
      EXPECT_EQ(read["n_events"], truth["n_events"]);
      ASSERT_EQ(read["batches"].size(), truth["batches"].size());
      for (size_t i = 0; i < read["batches"].size(); ++i) {
        EXPECT_EQ(read["batches"][i]["reads"], truth["batches"][i]["reads"]) << "batch " << i;
        EXPECT_EQ(read["batches"][i]["events"], truth["batches"][i]["events"]) << "batch " << i;
      }
    }
  });
  EXPECT_GT(count, 0) << "no truths of reads in " << root_;
}

}  // namespace
}  // namespace alkaid::tools
