#include "alkaid/core/observers/label.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace alkaid {
namespace {

TEST(Label, TheSameNameIsTheSameLabelWhateverTheTextsAddress) {
  const std::string name = "label_test.same";
  const Label label = Label::Intern(name);
  EXPECT_EQ(label, Label::Intern("label_test.same"));
  EXPECT_NE(label, Label::Intern("label_test.other"));
  EXPECT_STREQ(label.name(), "label_test.same");
  EXPECT_TRUE(label);
}

TEST(Label, NoLabelHasAnEmptyName) {
  EXPECT_EQ(Label().id(), 0u);
  EXPECT_STREQ(Label().name(), "");
  EXPECT_EQ(Label::Intern(""), Label());
  EXPECT_FALSE(Label());
}

TEST(Label, ANameEndsAtItsFirstZeroByte) {
  EXPECT_EQ(Label::Intern(std::string_view("label_test.cut\0rest", 19)),
            Label::Intern("label_test.cut"));
}

TEST(Label, ALongNameIsCut) {
  const std::string most(255, 'm');
  EXPECT_EQ(Label::Intern(most).name(), most);
  EXPECT_EQ(Label::Intern(most + "ore"), Label::Intern(most));
  EXPECT_EQ(Label::Intern(std::string(size_t{10} << 20, 'm')), Label::Intern(most));
}

// All bytes of a UTF-8 character are kept, or none.
TEST(Label, ALongNameIsCutBetweenCharacters) {
  const std::string characters[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
  for (const std::string& character : characters) {
    for (size_t before = 250; before <= 255; ++before) {
      const std::string start(before, 'u');
      const bool fits = before + character.size() <= 255;
      const std::string expected = fits ? start + character : start;
      EXPECT_EQ(Label::Intern(start + character + std::string(10, 'v')).name(),
                fits ? expected + std::string(255 - expected.size(), 'v') : start)
          << before << " bytes before a character of " << character.size();
    }
  }
  // Text that is not UTF-8 is cut at the limit.
  EXPECT_EQ(Label::Intern(std::string(300, '\x80')).name(), std::string(255, '\x80'));
}

TEST(ScopedLabel, TheInnermostCountsAndTheOuterOneComesBack) {
  EXPECT_EQ(Label::Current(), Label());
  {
    const ScopedLabel outer("label_test.outer");
    EXPECT_STREQ(Label::Current().name(), "label_test.outer");
    {
      const ScopedLabel inner("label_test.inner");
      EXPECT_STREQ(Label::Current().name(), "label_test.inner");
    }
    EXPECT_STREQ(Label::Current().name(), "label_test.outer");
  }
  EXPECT_EQ(Label::Current(), Label());
}

TEST(ScopedLabel, BelongsToItsThread) {
  const ScopedLabel outer("label_test.thread");
  std::string seen = "nothing";
  std::thread([&seen] { seen = Label::Current().name(); }).join();
  EXPECT_EQ(seen, "");
}

TEST(ScopedDefaultLabel, GivesWayToALabelThatIsThere) {
  const Label label = Label::Intern("label_test.default");
  {
    const ScopedDefaultLabel scope(label);
    EXPECT_EQ(Label::Current(), label);
  }
  const ScopedLabel users("label_test.users");
  const ScopedDefaultLabel scope(label);
  EXPECT_STREQ(Label::Current().name(), "label_test.users");
}

TEST(Label, ThreadsThatInternTheSameNamesAgree) {
  constexpr int kThreads = 4;
  constexpr int kNames = 200;
  std::vector<std::vector<Label>> labels(kThreads);
  std::vector<std::thread> threads;
  for (auto& own : labels) {
    threads.emplace_back([&own] {
      for (int i = 0; i < kNames; ++i) {
        own.push_back(Label::Intern("label_test.race." + std::to_string(i)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < kNames; ++i) {
    for (const auto& own : labels)
      EXPECT_EQ(own[static_cast<size_t>(i)], labels[0][static_cast<size_t>(i)]);
    EXPECT_EQ(labels[0][static_cast<size_t>(i)].name(), "label_test.race." + std::to_string(i));
  }
}

// Fills the table; returns 0 if everything was as expected.
int FillTheTable() {
  const Label early = Label::Intern("label_test.early");
  for (uint32_t i = 0; i < Label::kMaxLabels; ++i) {
    Label::Intern("label_test.many." + std::to_string(i));
  }
  const bool overflowed =
      Label::Intern("label_test.one too many").name() == std::string(Label::kOverflowName);
  const bool early_stays = Label::Intern("label_test.early") == early;
  const bool full = internal::AllLabelNames().count->load() == Label::kMaxLabels;
  return overflowed && early_stays && full ? 0 : 1;
}

// In a process of its own, so that it may fill the table.
TEST(LabelDeathTest, WhatComesWhenTheTableIsFullSharesOneName) {
  EXPECT_EXIT(std::exit(FillTheTable()), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace alkaid
