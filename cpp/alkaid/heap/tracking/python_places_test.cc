#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/heap/tracking/python_places_internal.h"

namespace alkaid::heap {
namespace {

class PythonPlacesTest : public ::testing::Test {
 protected:
  static std::string FileOf(const TrackedPythonPlace* place) {
    return {place->text.load(), place->file_size};
  }
  static std::string FunctionOf(const TrackedPythonPlace* place) {
    return {place->text.load() + place->file_size, place->function_size};
  }

  std::atomic<TrackedPythonPlace*> records_{nullptr};
  std::atomic<uint32_t> count_{0};
  PythonPlaces places_{&records_, &count_};
};

TEST_F(PythonPlacesTest, HasNothingBeforeItIsOpen) {
  EXPECT_EQ(places_.Find(7), nullptr);
  EXPECT_EQ(places_.Add(7, "a.py", "f", 1), nullptr);
}

TEST_F(PythonPlacesTest, KeepsEachPlaceOnceUnderAnAddressThatNoCodeHas) {
  ASSERT_TRUE(places_.Open());
  ASSERT_TRUE(places_.Open());
  const TrackedPythonPlace* const place = places_.Add(7, "a.py", "Reader.read", 12);
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(places_.Find(7), place);
  EXPECT_EQ(places_.Find(7), place);
  EXPECT_EQ(FileOf(place), "a.py");
  EXPECT_EQ(FunctionOf(place), "Reader.read");
  EXPECT_EQ(place->line, 12u);
  const uint64_t address = places_.AddressOf(place);
  EXPECT_GT(address, kPythonPlaces);
  EXPECT_LT(address, kPythonPlaces + uint64_t{count_.load()} * kPythonPlaceStride);
  const TrackedPythonPlace* const shown =
      records_.load() + (address - kPythonPlaces) / kPythonPlaceStride;
  EXPECT_EQ(FileOf(shown), "a.py");
  EXPECT_EQ(FunctionOf(shown), "Reader.read");
}

TEST_F(PythonPlacesTest, GivesTheInstructionsOfALineOneAddress) {
  ASSERT_TRUE(places_.Open());
  const uint64_t address = places_.AddressOf(places_.Add(7, "a.py", "f", 12));
  EXPECT_EQ(places_.AddressOf(places_.Add(8, "a.py", "f", 12)), address);
  EXPECT_NE(places_.AddressOf(places_.Add(9, "a.py", "f", 13)), address);
  EXPECT_NE(places_.AddressOf(places_.Add(10, "a.py", "g", 12)), address);
  EXPECT_NE(places_.AddressOf(places_.Add(11, "a.pyf", "", 12)), address);
}

TEST_F(PythonPlacesTest, CutsTheBeginningOfAFileAndTheEndOfAFunction) {
  ASSERT_TRUE(places_.Open());
  std::string file(1000, 'd');
  file += "/end.py";
  std::string function = "begin";
  function.append(1000, 'f');
  const TrackedPythonPlace* const place = places_.Add(1, file, function, 1);
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(FileOf(place), file.substr(file.size() - kMaxPythonText));
  EXPECT_EQ(FunctionOf(place), function.substr(0, kMaxPythonText));
}

TEST_F(PythonPlacesTest, GivesNoAddressOnceItIsFull) {
  ASSERT_TRUE(places_.Open());
  uint64_t refused = 0;
  constexpr uint32_t kMany = 100'000;
  for (uint32_t i = 1; i <= kMany; ++i) {
    // Spread like hashes; each new line takes one more place.
    if (places_.Add(i * 0x9e3779b97f4a7c15u, "f.py", "f", i) == nullptr) ++refused;
  }
  EXPECT_GE(refused, kMany - count_.load() / 2);
  EXPECT_LT(refused, kMany / 2);
}

TEST_F(PythonPlacesTest, ThreadsThatAddTheSamePlacesAgreeOnThem) {
  ASSERT_TRUE(places_.Open());
  std::vector<std::vector<const TrackedPythonPlace*>> found(4);
  std::vector<std::thread> threads;
  for (auto& own : found) {
    threads.emplace_back([&] {
      for (uint64_t key = 1; key <= 2000; ++key) {
        own.push_back(
            places_.Add(key * 0x9e3779b97f4a7c15u, "f.py", "f", static_cast<uint32_t>(key)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& own : found) EXPECT_EQ(own, found.front());
  const std::set<const TrackedPythonPlace*> each(found.front().begin(), found.front().end());
  EXPECT_EQ(each.size(), 2000u);
}

}  // namespace
}  // namespace alkaid::heap
