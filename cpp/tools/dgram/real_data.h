// The folder of real files that ALKAID_TEST_DATA names, with the results of other programs.
//
// <folder>/truth/*.json are the truths; "a__b__c.xtc2" in their names and texts means
// <folder>/a/b/c.xtc2. Without such a folder, tests of the fixture are skipped and say so. Not
// installed.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace alkaid::tools {

class RealData : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const root = std::getenv("ALKAID_TEST_DATA");
    if (root == nullptr || *root == '\0') {
      GTEST_SKIP() << "ALKAID_TEST_DATA is not set: no files of real runs to read";
    }
    root_ = root;
    if (!std::filesystem::is_directory(root_ / "truth")) {
      GTEST_SKIP() << "ALKAID_TEST_DATA is " << root_ << ", which has no folder truth";
    }
  }

  // The file of a name with "__" in the place of each "/".
  std::filesystem::path FileOf(std::string name) const {
    for (size_t at; (at = name.find("__")) != std::string::npos;) name.replace(at, 2, "/");
    return root_ / name;
  }

  // Calls `visit` with each truth and its file's name.
  void ForEachTruth(const std::function<void(const std::filesystem::path& file,
                                             const nlohmann::json& truth)>& visit) const {
    for (const auto& entry : std::filesystem::directory_iterator(root_ / "truth")) {
      if (entry.path().extension() != ".json") continue;
      std::ifstream stream(entry.path());
      visit(entry.path().filename(), nlohmann::json::parse(stream));
    }
  }

  std::filesystem::path root_;
};

}  // namespace alkaid::tools
