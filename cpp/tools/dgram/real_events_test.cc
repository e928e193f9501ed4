// Events and reads of real runs, compared with the results of another program.
//
// ALKAID_TEST_DATA names a folder of XTC2 files with a folder truth/. In it
// <group>__bs<N>[__filter].json has the batches of an event builder, and
// bd__<group>__bs<N>__chunk<M>.json the reads of big data and every datagram from them. All files
// there are tested.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/xtc.h"
#include "tools/dgram/real_data.h"
#include "tools/support/run_command.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::json;

void Rename(Json* json, const char* from, const char* to) {
  if (!json->is_object() || !json->contains(from)) return;
  (*json)[to] = std::move((*json)[from]);
  json->erase(from);
}

// Converts a command's JSON of a batch, an event or a datagram to the keys of the truths.
void ToTruth(Json* json) {
  if (!json->is_object()) return;
  if (json->contains("step_size")) {
    Rename(json, "n_events", "nevents");
    Rename(json, "n_steps", "nsteps");
    Rename(json, "size", "batch_size_bytes");
    Rename(json, "sha256", "batch_sha256");
    Rename(json, "step_size", "step_bytes");
    for (Json& event : (*json)["events"]) ToTruth(&event);
    return;
  }
  Rename(json, "timestamp", "ts");
  for (const char* name : {"seconds", "nanoseconds", "env", "damage"}) json->erase(name);
  for (int service = 0; service <= 12; ++service) {
    if ((*json)["service"] == dgram::TransitionName(static_cast<dgram::TransitionId>(service))) {
      (*json)["service"] = service;
      break;
    }
  }
}

class RealEvents : public RealData {
 protected:
  // Calls `check` with every truth of events that has `key`; returns how many there were.
  int CountTruths(const std::string& key, const std::function<void(const Json&)>& check) const {
    int count = 0;
    ForEachTruth([&](const std::filesystem::path& name, const Json& truth) {
      if (!truth.contains(key) || !truth.contains("batches")) return;
      SCOPED_TRACE(name);
      check(truth);
      ++count;
    });
    return count;
  }
};

TEST_F(RealEvents, AreBuiltIntoTheBatchesOfTheirTruth) {
  const int count = CountTruths("n_steps", [&](const Json& truth) {
    std::vector<std::string> arguments = {"dgram",    "events",       "--json",
                                          "--events", "--batch-size", truth["batch_size"].dump()};
    for (const Json& stream : truth["streams"]) arguments.push_back(FileOf(stream).string());
    for (const Json& timestamp : truth["filter_timestamps"]) {
      arguments.push_back("--timestamps=" + timestamp.get<std::string>());
    }
    const CommandResult result = RunCommand(arguments);
    ASSERT_EQ(result.exit_code, truth["error"].is_null() ? 0 : 2) << result.err;
    const Json built = Json::parse(result.out);
    for (const char* name : {"n_batches", "n_events", "n_steps"}) {
      EXPECT_EQ(built[name], truth[name]) << name;
    }
    Json batches = built["batches"];
    for (Json& batch : batches) ToTruth(&batch);
    EXPECT_EQ(batches, truth["batches"]);
  });
  EXPECT_GT(count, 0) << "no truths of events in " << root_;
}

TEST_F(RealEvents, AreReadWithTheReadsOfTheirTruthHoweverFarTheyRunAhead) {
  const int count = CountTruths("n_reads", [&](const Json& truth) {
    for (const char* prefetch : {"0", "3"}) {
      std::vector<std::string> arguments = {"dgram",         "read",
                                            "--json",        "--batches",
                                            "--batch-size",  truth["batch_size"].dump(),
                                            "--chunk-bytes", truth["bd_chunksize"].dump(),
                                            "--prefetch",    prefetch};
      for (const Json& pair : truth["pairs"]) {
        arguments.push_back("--smd=" + FileOf(pair[0]).string());
        arguments.push_back("--data=" + FileOf(pair[1]).string());
      }
      const CommandResult result = RunCommand(arguments);
      ASSERT_EQ(result.exit_code, truth["error"].is_null() ? 0 : 2) << result.err;
      const Json read = Json::parse(result.out);
      EXPECT_EQ(read["n_reads"], truth["n_reads"]);
      EXPECT_EQ(read["n_events"], truth["n_events"]);
      ASSERT_EQ(read["batches"].size(), truth["batches"].size());
      for (size_t i = 0; i < read["batches"].size(); ++i) {
        Json reads = read["batches"][i]["reads"];
        for (Json& one : reads) Rename(&one, "chunk_id", "open_chunk");
        EXPECT_EQ(reads, truth["batches"][i]["reads"]) << "batch " << i;
        Json events = Json::array();
        for (const Json& event : read["batches"][i]["events"]) {
          Json dgrams = event["dgrams"];
          for (Json& dgram : dgrams) ToTruth(&dgram);
          events.push_back(std::move(dgrams));
        }
        EXPECT_EQ(events, truth["batches"][i]["events"]) << "batch " << i;
      }
    }
  });
  EXPECT_GT(count, 0) << "no truths of reads in " << root_;
}

}  // namespace
}  // namespace alkaid::tools
