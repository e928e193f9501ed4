#include "alkaid/growth/growth_evidence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "fixtures/made_profile.h"

namespace alkaid::growth {
namespace {

using fixtures::Accounts;
using fixtures::Line;
using fixtures::Noise;
using fixtures::Series;
using fixtures::White;
using fixtures::operator+;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr size_t kSize = 100;

// All sentences and the advice, as one text.
std::string Say(const std::vector<MemoryStamp>& stamps, const GrowthOptions& options = {},
                const std::string& command = "") {
  const GrowthVerdict verdict = JudgeGrowth(stamps, options);
  return absl::StrJoin(EvidenceOf(stamps, verdict), " ") + " Next: " + AdviceOf(verdict, command);
}
std::string Say(const Accounts& accounts) { return Say(fixtures::Profile(kSize, accounts)); }

TEST(GrowthEvidence, OfALeakSaysHowMuchWhoseAndHowSoon) {
  const std::string text = Say({.live = Line(kSize, 4, 100)});
  EXPECT_THAT(
      text,
      StartsWith("RSS grows by 4.00 MB per event, between +4.00 and +4.00: 356.0 MB in "
                 "all. At this rate 1,000 MB more take 250 events, 2 min. What the "
                 "pools have handed out grows by 4.00 MB per event, 100 % of RSS's growth. "));
  EXPECT_THAT(text, HasSubstr("Views were not tracked"));
  EXPECT_THAT(text, EndsWith("\n    ALKAID_TRACK_ALLOCATIONS=views ALKAID_HEAP_AT_STAMPS=11,24 "
                             "ALKAID_HEAP_FILE=heap.%n COMMAND"
                             "\n    alkaid heap diff --by traceback --top 5 heap.1 heap.2"
                             "\n    alkaid heap retention heap.2"));
}

TEST(GrowthEvidence, AdvisesTheCommandOfTheRunWhereItIsKnown) {
  const auto stamps = fixtures::Profile(kSize, {.live = Line(kSize, 0.5, 100)});
  EXPECT_THAT(
      Say(stamps, {}, "./reader 'run 7'"),
      HasSubstr("ALKAID_HEAP_AT_STAMPS=11,100 ALKAID_HEAP_FILE=heap.%n ./reader 'run 7'\n"));
}

TEST(GrowthEvidence, OfALeakWithViewsTellsWhetherTheyKeepIt) {
  const Accounts shown = {
      .live = Line(kSize, 4, 100), .roots = Line(kSize, 4), .visible = Line(kSize, 3.9)};
  EXPECT_THAT(Say(shown), AllOf(HasSubstr("Blocks that views keep grow by 4.00 MB per event"),
                                HasSubstr("what the views show of them by 3.90 MB"),
                                Not(HasSubstr("not tracked"))));
  const Accounts without = {
      .live = Line(kSize, 4, 100), .roots = Series(kSize, 7), .visible = Series(kSize, 3)};
  EXPECT_THAT(Say(without), HasSubstr("Views do not keep it"));
}

TEST(GrowthEvidence, OfRetentionNamesTheReportAndTheCopy) {
  EXPECT_THAT(Say({.live = Line(kSize, 4, 100),
                   .roots = Line(kSize, 4, 50),
                   .visible = Line(kSize, 0.001, 1)}),
              AllOf(HasSubstr("what the views show of them by 0.0010 MB"),
                    HasSubstr("alkaid heap retention"), HasSubstr("CompactIfBelow")));
}

TEST(GrowthEvidence, OfFragmentationSaysWhatReleasingDid) {
  std::vector<MemoryStamp> stamps =
      fixtures::Profile(kSize, {.live = Series(kSize, 100), .kept = Line(kSize, 2)});
  EXPECT_THAT(Say(stamps),
              AllOf(HasSubstr("Memory that the allocators hold free grows by 2.00 MB per event"),
                    HasSubstr("What the pools have handed out is flat: 0 MB per event"),
                    HasSubstr("was not tried: it may be a cache"),
                    HasSubstr("ALKAID_PROFILE_RELEASE_AT=100 ALKAID_LEAK_PROFILE=again.npy COMMAND"
                              "\n    alkaid profile report again.npy")));
  stamps.back().released_rss_mb = stamps.back().rss_mb - 1;
  EXPECT_THAT(Say(stamps),
              AllOf(HasSubstr("SetReservation"), HasSubstr("ALKAID_DEFAULT_MEMORY_POOL=jemalloc")));
  EXPECT_THAT(Say(stamps), HasSubstr("ReleaseUnused took RSS down by 1.00 MB and held by unknown, "
                                     "of 178.0 MB that it had grown by until then."));
  stamps.back().released_rss_mb = stamps.back().rss_mb - 170;
  EXPECT_THAT(Say(stamps),
              AllOf(HasSubstr("took RSS down by 170.0 MB"), HasSubstr("nothing leaks")));
}

TEST(GrowthEvidence, OfGrowthOutsideTellsMallocFromTheRest) {
  EXPECT_THAT(Say({.own_malloc = Line(kSize, 2)}),
              AllOf(HasSubstr("malloc has handed out except to the pools grows by 2.00 MB"),
                    HasSubstr("\n    ALKAID_HEAP_AT_STAMPS=11,36 ALKAID_HEAP_FILE=heap.%n "
                              "alkaid run --track -- COMMAND\n    alkaid heap diff --by traceback "
                              "--top 5 heap.1 heap.2"),
                    HasSubstr("labelled malloc")));
  EXPECT_THAT(Say({.elsewhere = Line(kSize, 2)}),
              AllOf(HasSubstr("no known allocator has grows by 2.00 MB"), HasSubstr("smaps"),
                    Not(HasSubstr("more than RSS"))));
  EXPECT_THAT(Say({.kept = Series(kSize, 5000), .elsewhere = Line(kSize, 2, -3000)}),
              HasSubstr("mapped, more than RSS"));
}

TEST(GrowthEvidence, NamesAllThatGrowsTheFastestFirst) {
  const std::string text = Say(
      {.live = Line(kSize, 3, 10), .own_malloc = Line(kSize, 0.05), .elsewhere = Line(kSize, 1)});
  EXPECT_THAT(text, HasSubstr("Besides, \"not by allocators\" grows by 1.00 MB per event, 25 % of "
                              "RSS's growth: 89.00 MB in all. Besides, \"other malloc\" grows by "
                              "0.0500 MB per event, 1 % of RSS's growth: 4.45 MB in all."));
  // One run finds both.
  EXPECT_THAT(text, HasSubstr("alkaid run --track --views -- COMMAND"));
}

TEST(GrowthEvidence, OfAddressSpaceAloneSaysThatItTakesNoMemory) {
  EXPECT_THAT(Say({.live = Series(kSize, 10), .untouched = Line(kSize, 64)}),
              AllOf(HasSubstr("RSS has no growth"),
                    HasSubstr("Only address space grows: VM by 64.00 MB per event")));
}

TEST(GrowthEvidence, OfNoneSaysWhatCouldHideInTheNoise) {
  Noise noise(4);
  const std::string text = Say({.live = Series(kSize, 500) + White(noise, kSize, 20)});
  EXPECT_THAT(text, AllOf(HasSubstr("no growth that stands out from its noise"),
                          HasSubstr("could hide here; a run with more events would show it")));
  EXPECT_THAT(Say({.live = Series(kSize, 500)}), Not(HasSubstr("could hide")));
}

TEST(GrowthEvidence, OfSlowGrowthSaysThatItIsNotCounted) {
  EXPECT_THAT(Say({.elsewhere = Line(kSize, 0.004, 10)}),
              StartsWith("RSS grows by 0.0040 MB per event, 0.356 MB in all. Growth counts from "
                         "0.0100 MB per event, or 10.00 MB in all."));
}

TEST(GrowthEvidence, OfGrowthBelowTheLimitSaysWhoseItIsAndWhatFindsIt) {
  const auto stamps =
      fixtures::Profile(kSize, {.live = Line(kSize, 0.5, 10), .own_malloc = Line(kSize, 0.2)});
  EXPECT_THAT(Say(stamps, {.least_mb = 1, .much_mb = 1000}),
              AllOf(StartsWith("RSS grows by 0.700 MB per event, 62.30 MB in all. Growth counts "
                               "from 1.00 MB per event, or 1,000.0 MB in all."),
                    HasSubstr("Of it, \"live in pools\" grows by 0.500 MB per event, 71 % of RSS's "
                              "growth: 44.50 MB in all. Of it, \"other malloc\" grows by 0.200 MB"),
                    HasSubstr("Next: nothing, if so much is allowed. Otherwise two heap files"),
                    HasSubstr("alkaid run --track -- COMMAND")));
}

// Memory that was never touched is no part of RSS's growth.
TEST(GrowthEvidence, WhatGrowsFasterThanTheJudgedAccountIsNoPartOfIt) {
  const auto stamps = fixtures::Profile(
      kSize, {.own_malloc = Line(kSize, 0.5, 10), .elsewhere = Line(kSize, -0.3, 100)});
  EXPECT_THAT(Say(stamps, {.least_mb = 1, .much_mb = 1000}),
              HasSubstr("Besides, \"other malloc\" grows by 0.500 MB per event"));
}

TEST(GrowthEvidence, OfLevellingOffSaysFromWhereToWhere) {
  Series live = Line(kSize, 5, 100);
  for (size_t i = 40; i < kSize; ++i) live[i] = 300;
  EXPECT_THAT(Say({.live = live}), AllOf(StartsWith("RSS rose from 2"), HasSubstr("stays there"),
                                         HasSubstr("375.0 MB"), HasSubstr("longer run")));
}

TEST(GrowthEvidence, OfALeakThatIsNotTouchedSaysThatRssDoesNotShowIt) {
  Series rss_hides = Line(kSize, -2, 500);
  std::vector<MemoryStamp> stamps =
      fixtures::Profile(kSize, {.live = Line(kSize, 2, 10), .elsewhere = rss_hides});
  EXPECT_THAT(Say(stamps),
              AllOf(StartsWith("live in pools grows by 2.00 MB"), HasSubstr("RSS does not show it"),
                    HasSubstr("\"not by allocators\" falls by 2.00 MB per event")));
  for (MemoryStamp& stamp : stamps) stamp.held_mb = kUnknown;
  EXPECT_THAT(Say(stamps), HasSubstr("untouched"));
}

TEST(GrowthEvidence, OfGrowthThatBeginsLateSaysSince) {
  Series live(kSize, 50);
  for (size_t i = 60; i < kSize; ++i) live[i] += static_cast<double>(i - 59);
  EXPECT_THAT(Say({.live = live}), AllOf(HasSubstr("It began late, or gets faster: over the last"),
                                         HasSubstr("At this rate 1,000 MB more take 1,0")));
}

TEST(GrowthEvidence, OfShrinkingSaysThatItFalls) {
  EXPECT_THAT(Say({.live = Line(kSize, -0.3, 500)}), StartsWith("RSS falls by 0.300 MB per event"));
}

TEST(GrowthEvidence, OfFilesWithoutTheAccountsSaysSo) {
  std::vector<MemoryStamp> stamps =
      fixtures::Profile(kSize, {.live = Series(kSize, 10), .elsewhere = Line(kSize, 2)});
  for (MemoryStamp& stamp : stamps) stamp.held_mb = stamp.in_use_mb = kUnknown;
  EXPECT_THAT(Say(stamps), HasSubstr("does not say what malloc and the allocators held"));
  for (MemoryStamp& stamp : stamps) stamp.live_mb = kUnknown;
  EXPECT_THAT(Say(stamps),
              AllOf(HasSubstr("so the cause is not known"), HasSubstr("ALKAID_LEAK_PROFILE")));
}

TEST(GrowthEvidence, OfTooFewStampsSaysHowManyAreNeeded) {
  EXPECT_THAT(Say(fixtures::Profile(9, {.live = Line(9, 1)}), {.warm_up = 4}),
              AllOf(StartsWith("9 stamps, 4 of them warm-up; 5 of the others have RSS. At least 8 "
                               "are needed."),
                    EndsWith("stamp more events, or discard fewer.")));
  EXPECT_THAT(Say(std::vector<MemoryStamp>{}), StartsWith("0 stamps, 0 of them warm-up"));
}

}  // namespace
}  // namespace alkaid::growth
