#include "alkaid/growth/reservation_advisor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "alkaid/core/buffers/buffer_builder.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/event_replay.h"
#include "fixtures/libc_malloc.h"

namespace alkaid::growth {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "alkaid-advisor-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) std::abort();
    path = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string File(const std::string& name) const { return path / name; }

  std::filesystem::path path;
};

std::string ReadText(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

void WriteText(const std::string& file, const std::string& text) { std::ofstream(file) << text; }

// Builds the events one after the other; returns the number of reallocations.
int64_t Reallocations(Label label, const std::vector<int64_t>& items) {
  ReplayedEvent all;
  replay_internal::GrowthCounter counter(label);
  counter.event = &all;
  TypedBufferBuilder<float> builder;
  builder.bytes_builder()->SetLabel(label);
  constexpr int64_t kAtOnce = 50;
  const float items_at_once[kAtOnce * kItemFloats] = {};
  for (const int64_t count : items) {
    for (int64_t i = 0; i < count; i += kAtOnce) {
      const int64_t now = std::min(kAtOnce, count - i);
      ALKAID_EXPECT_OK(builder.Append(items_at_once, now * kItemFloats));
    }
    builder.Reset();
  }
  return all.reallocations;
}

TEST(ReservationAdvisor, AdvisesTheMostThatWasHeldAndAQuarterMore) {
  ReservationAdvisor advisor;
  const Label label = Label::Intern("test.mark");
  EXPECT_EQ(advisor.Suggest(label), 0);
  for (const int64_t size : {1000, 4000, 100}) advisor.Learn(label, size);
  EXPECT_EQ(advisor.Suggest(label), 5000);
  EXPECT_EQ(advisor.Suggest(Label::Intern("test.other")), 0);
  EXPECT_EQ(advisor.builders(), 3);
}

TEST(ReservationAdvisor, OnceInstalledItLearnsAndTheSameEventsAreNotReallocatedAgain) {
  for (const EventSeries& series : ReportedSeries()) {
    const Label label = Label::Intern("test.replay." + series.name);
    ReservationAdvisor advisor;
    advisor.Install();
    EXPECT_GT(Reallocations(label, series.items), 0);
    EXPECT_EQ(Reallocations(label, series.items), 0);
    EXPECT_GE(advisor.Suggest(label), series.most() * kItemBytes);
  }
}

// Shows why the last size alone would not do.
TEST(ReservationAdvisor, FollowingTheEventsOneByOneReallocatesWhereTheMarkDoesNot) {
  class Follower : public BuilderObserver {
   public:
    explicit Follower(Label label) : label_(label) { AddBuilderObserver(this); }
    ~Follower() override { RemoveBuilderObserver(this); }
    void OnEnd(const BuilderEnd& end) override {
      if (end.label == label_) last_ = end.size;
    }
    int64_t Advise(Label label) override { return label == label_ ? last_.load() : 0; }

   private:
    const Label label_;
    std::atomic<int64_t> last_{0};
  };
  for (const EventSeries& series : ReportedSeries()) {
    const Label label = Label::Intern("test.follow." + series.name);
    int64_t following;
    {
      const Follower follower(label);
      Reallocations(label, series.items);
      following = Reallocations(label, series.items);
    }
    ReservationAdvisor advisor;
    advisor.Install();
    Reallocations(label, series.items);
    EXPECT_GE(following, 4) << series.name;
    EXPECT_EQ(Reallocations(label, series.items), 0) << series.name;
  }
}

TEST(ReservationAdvisor, AGiantAmongSmallOnesIsServedWhenItComesAgain) {
  const Label label = Label::Intern("test.giant");
  ReservationAdvisor advisor;
  advisor.Learn(label, 300000 * kItemBytes);
  for (int i = 0; i < 499; ++i) advisor.Learn(label, 10000 * kItemBytes);
  advisor.Install();
  EXPECT_EQ(Reallocations(label, {10000, 300000}), 0);
}

TEST(ReservationAdvisor, AGiantIsForgottenAfterAtMostTwiceAsManyAsAreRemembered) {
  for (int earlier = 0; earlier < 10; ++earlier) {
    const Label label = Label::Intern("test.forget");
    ReservationAdvisor advisor({.headroom = 0, .remember = 10});
    for (int i = 0; i < earlier; ++i) advisor.Learn(label, 100);
    advisor.Learn(label, 9000);
    int served = 0;
    while (advisor.Suggest(label) == 9000) {
      advisor.Learn(label, 100);
      ++served;
    }
    EXPECT_GE(served, 10) << earlier;
    EXPECT_LE(served, 20) << earlier;
    EXPECT_EQ(advisor.Suggest(label), 100);
  }
}

TEST(ReservationAdvisor, NoBuilderIsAdvisedMoreThanTheLimit) {
  const Label label = Label::Intern("test.limit");
  ReservationAdvisor advisor({.most_bytes = 10000});
  advisor.Learn(label, 9000);
  EXPECT_EQ(advisor.Suggest(label), 10000);
  advisor.Learn(label, INT64_MAX);
  EXPECT_EQ(advisor.Suggest(label), 10000);
  ReservationAdvisor unlimited({.headroom = 10, .most_bytes = INT64_MAX});
  unlimited.Learn(label, INT64_MAX / 2);
  EXPECT_EQ(unlimited.Suggest(label), INT64_MAX);
}

TEST(ReservationAdvisor, OptionsOutsideTheirRangeAreTakenAsTheNearestInside) {
  const Label label = Label::Intern("test.options");
  for (const double headroom : {-1.0, std::nan("")}) {
    ReservationAdvisor advisor({.headroom = headroom, .remember = -5});
    advisor.Learn(label, 1000);
    EXPECT_EQ(advisor.Suggest(label), 1000);
    advisor.Learn(label, -1);
    EXPECT_EQ(advisor.Suggest(label), 1000);
  }
  ReservationAdvisor advisor({.headroom = 1e9});
  advisor.Learn(label, 1000);
  EXPECT_EQ(advisor.Suggest(label), 11000);
}

TEST(ReservationAdvisor, BuildersWithoutALabelAreLeftAloneUnlessAskedFor) {
  ReservationAdvisor advisor;
  advisor.Learn(Label(), 1000);
  EXPECT_EQ(advisor.Suggest(Label()), 0);
  EXPECT_EQ(advisor.builders(), 0);
  ReservationAdvisor all({.unlabelled = true});
  all.Learn(Label(), 1000);
  EXPECT_EQ(all.Suggest(Label()), 1250);
}

TEST(ReservationAdvisor, OneThatIsGoneAdvisesNobody) {
  const Label label = Label::Intern("test.gone");
  {
    ReservationAdvisor advisor;
    advisor.Learn(label, 100000);
    advisor.Install();
  }
  BufferBuilder builder;
  builder.SetLabel(label);
  ALKAID_ASSERT_OK(builder.Append("x"));
  EXPECT_EQ(builder.capacity(), 64);
}

TEST(ReservationAdvisor, WhatIsSavedIsLoaded) {
  const TemporaryFolder folder;
  ReservationAdvisor advisor({.remember = 3});
  for (const std::string name : {"plain", "with space = and\nnew\\line", "\\n", ""}) {
    for (int i = 0; i < 4; ++i) advisor.Learn(Label::Intern(name), 1000 * (i + 1));
  }
  ALKAID_ASSERT_OK(advisor.Save(folder.File("r")));
  ReservationAdvisor loaded;
  ALKAID_ASSERT_OK(loaded.Load(folder.File("r")));
  ALKAID_ASSERT_OK(loaded.Save(folder.File("again")));
  EXPECT_EQ(ReadText(folder.File("again")), ReadText(folder.File("r")));
  const auto mark = [](const std::string& label) {
    return AllOf(Field(&LearntReservation::label, label),
                 Field(&LearntReservation::high_water, 4000),
                 Field(&LearntReservation::advice, 5000));
  };
  EXPECT_THAT(loaded.Learnt(),
              ElementsAre(mark("\\n"), mark("plain"), mark("with space = and\nnew\\line")));
  EXPECT_EQ(loaded.builders(), 0);
}

TEST(ReservationAdvisor, OfWhatIsLoadedAndWhatIsKnownTheHigherMarkCounts) {
  const TemporaryFolder folder;
  const Label high = Label::Intern("test.high");
  const Label low = Label::Intern("test.low");
  ReservationAdvisor saved;
  saved.Learn(high, 4000);
  saved.Learn(low, 40);
  ALKAID_ASSERT_OK(saved.Save(folder.File("r")));
  ReservationAdvisor advisor({.headroom = 0});
  advisor.Learn(high, 1000);
  advisor.Learn(low, 1000);
  ALKAID_ASSERT_OK(advisor.Load(folder.File("r")));
  EXPECT_EQ(advisor.Suggest(high), 4000);
  EXPECT_EQ(advisor.Suggest(low), 1000);
}

TEST(ReservationAdvisor, AFileThatIsNoneOfItsOwnIsRefusedWithItsLine) {
  const TemporaryFolder folder;
  const std::string first = "alkaid-reservations 1\n";
  const std::string good = "since=1000 before=0 ends=1 label=test.malformed\n";
  const struct {
    std::string text;
    const char* line;
  } cases[] = {
      {"\n", "line 1"},
      {"{\"a\": 1}\n", "line 1"},
      {"alkaid-reservations 2\nend 0\n", "line 1"},
      {first, "line 2"},
      {first + good, "line 3"},
      {first + good + "end 1", "line 3"},
      {first + good + "end 2\n", "line 3"},
      {first + good + "end 1\n" + good, "line 4"},
      {first + "since=-1 before=0 ends=1 label=x\nend 1\n", "line 2"},
      {first + "since=99999999999999999999 before=0 ends=1 label=x\nend 1\n", "line 2"},
      {first + "since=9223372036854775808 before=0 ends=1 label=x\nend 1\n", "line 2"},
      {first + "since=1 before=9223372036854775808 ends=1 label=x\nend 1\n", "line 2"},
      {first + "since=1 before=0 ends=9223372036854775808 label=x\nend 1\n", "line 2"},
      {first + "since=1 before=0 ends=-9223372036854775808 label=x\nend 1\n", "line 2"},
      {first + good + "end 9223372036854775807\n", "line 3"},
      {first + "since=1 before=0 label=x\nend 1\n", "line 2"},
      {first + "since=1 before=0 ends=1 label=x\\y\nend 1\n", "line 2"},
      {first + "since=1 before=0 ends=1 label=x\\\nend 1\n", "line 2"},
      {first + "anything\nend 0\n", "line 2"},
  };
  for (const auto& one : cases) {
    WriteText(folder.File("r"), one.text);
    ReservationAdvisor advisor;
    EXPECT_THAT(advisor.Load(folder.File("r")),
                StatusIs(StatusCode::kDataLoss, AllOf(HasSubstr(folder.File("r")),
                                                      HasSubstr(one.line), HasSubstr("expected"))))
        << one.text;
    EXPECT_TRUE(advisor.Learnt().empty()) << one.text;
  }
}

TEST(ReservationAdvisor, NumbersAtTheirLimitsAreLoadedLearntFromAndSavedAgain) {
  const TemporaryFolder folder;
  const Label label = Label::Intern("test.limits");
  for (int which = 0; which < 8; ++which) {
    const auto number = [which](int bit) { return (which & bit) != 0 ? INT64_MAX : int64_t{0}; };
    std::ostringstream text;
    text << "alkaid-reservations 1\nsince=" << number(1) << " before=" << number(2)
         << " ends=" << number(4) << " label=test.limits\nend 1\n";
    WriteText(folder.File("r"), text.str());
    for (const int64_t remember : {int64_t{1}, int64_t{500}, INT64_MAX}) {
      ReservationAdvisor advisor({.headroom = 10, .most_bytes = INT64_MAX, .remember = remember});
      ALKAID_ASSERT_OK(advisor.Load(folder.File("r")));
      EXPECT_EQ(advisor.Suggest(label), std::max(number(1), number(2)));
      for (int i = 0; i < 3; ++i) advisor.Learn(label, 100);
      ALKAID_ASSERT_OK(advisor.Save(folder.File("again")));
      ReservationAdvisor again;
      ALKAID_ASSERT_OK(again.Load(folder.File("again")));
      EXPECT_GT(again.Suggest(label), 0);
    }
  }
}

TEST(ReservationAdvisor, WhatWasLoadedIsForgottenInTimeToo) {
  const TemporaryFolder folder;
  const Label label = Label::Intern("test.loaded.forget");
  WriteText(folder.File("r"), "alkaid-reservations 1\nsince=9000 before=0 ends=" +
                                  std::to_string(INT64_MAX) + " label=test.loaded.forget\nend 1\n");
  ReservationAdvisor advisor({.headroom = 0, .remember = 10});
  ALKAID_ASSERT_OK(advisor.Load(folder.File("r")));
  for (int i = 0; i < 20; ++i) advisor.Learn(label, 100);
  EXPECT_EQ(advisor.Suggest(label), 100);
}

TEST(ReservationAdvisor, LoadingMakesNoLabels) {
  const TemporaryFolder folder;
  std::string text = "alkaid-reservations 1\n";
  for (int i = 0; i < 1000; ++i) {
    text += "since=7000 before=0 ends=1 label=test.loaded." + std::to_string(i) + "\n";
  }
  WriteText(folder.File("r"), text + "end 1000\n");
  const uint32_t before = *internal::AllLabelNames().count;
  ReservationAdvisor advisor({.headroom = 0});
  ALKAID_ASSERT_OK(advisor.Load(folder.File("r")));
  EXPECT_EQ(*internal::AllLabelNames().count, before);
  EXPECT_EQ(advisor.Learnt().size(), 1000u);
  const Label label = Label::Intern("test.loaded.77");
  EXPECT_EQ(advisor.Suggest(label), 7000);
  advisor.Learn(label, 8000);
  EXPECT_EQ(advisor.Suggest(label), 8000);
  EXPECT_EQ(advisor.Learnt().size(), 1000u);
}

TEST(ReservationAdvisor, TheLabelOfAllThatCameTooLateIsLeftAlone) {
  const TemporaryFolder folder;
  const std::string name = Label::kOverflowName;
  const Label overflow = Label::Intern(name);
  WriteText(folder.File("r"),
            "alkaid-reservations 1\nsince=7000 before=0 ends=1 label=" + name + "\nend 1\n");
  for (const bool unlabelled : {false, true}) {
    ReservationAdvisor advisor({.unlabelled = unlabelled});
    advisor.Learn(overflow, 1000);
    ALKAID_ASSERT_OK(advisor.Load(folder.File("r")));
    EXPECT_EQ(advisor.Suggest(overflow), 0);
    EXPECT_EQ(advisor.builders(), 0);
    EXPECT_TRUE(advisor.Learnt().empty());
  }
}

TEST(ReservationAdvisor, AnEmptyFileSaysNothing) {
  const TemporaryFolder folder;
  WriteText(folder.File("r"), "");
  ReservationAdvisor advisor;
  ALKAID_ASSERT_OK(advisor.Load(folder.File("r")));
  EXPECT_TRUE(advisor.Learnt().empty());
}

TEST(ReservationAdvisor, WhatIsRefusedIsQuotedWithoutItsControls) {
  const TemporaryFolder folder;
  ReservationAdvisor advisor;
  WriteText(folder.File("r"), "alkaid-reservations 1\r\nend 0\r\n");
  EXPECT_THAT(advisor.Load(folder.File("r")),
              StatusIs(StatusCode::kDataLoss,
                       AllOf(HasSubstr("alkaid-reservations 1\\x0d"), HasSubstr("CRLF"))));
  WriteText(folder.File("r"), "alkaid-reservations 1\n\x1b[2J\n");
  EXPECT_THAT(advisor.Load(folder.File("r")),
              StatusIs(StatusCode::kDataLoss, HasSubstr("\"\\x1b[2J\"")));
}

TEST(ReservationAdvisor, AFileThatIsNotThereOrCanNotBeWrittenIsNamed) {
  const TemporaryFolder folder;
  ReservationAdvisor advisor;
  EXPECT_THAT(advisor.Load(folder.File("none")),
              StatusIs(StatusCode::kNotFound, HasSubstr("none")));
  EXPECT_THAT(advisor.Save(folder.File("no/folder")),
              StatusIs(StatusCode::kNotFound, HasSubstr("no")));
}

TEST(ReservationAdvisor, WhatIsNoRegularFileOrIsTooLargeIsRefusedBeforeItIsRead) {
  const TemporaryFolder folder;
  ReservationAdvisor advisor;
  EXPECT_THAT(advisor.Load("/dev/zero"),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("/dev/zero is a device")));
  ASSERT_EQ(::mkfifo(folder.File("pipe").c_str(), 0600), 0);
  EXPECT_THAT(advisor.Load(folder.File("pipe")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("is a pipe")));
  std::ofstream(folder.File("sparse")) << "";
  ASSERT_EQ(::truncate(folder.File("sparse").c_str(), int64_t{1} << 40), 0);
  EXPECT_THAT(advisor.Load(folder.File("sparse")),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("at most 67108864")));
}

TEST(ReservationAdvisor, ThreadsMayBuildLearnAndAskTogether) {
  ReservationAdvisor advisor;
  advisor.Install();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&advisor, t] {
      const Label label = Label::Intern("test.thread." + std::to_string(t % 2));
      for (int i = 1; i <= 200; ++i) {
        BufferBuilder builder;
        builder.SetLabel(label);
        if (!builder.Append(i, uint8_t{1}).ok() || advisor.Suggest(label) < 0) std::abort();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(advisor.builders(), 800);
  EXPECT_EQ(advisor.Suggest(Label::Intern("test.thread.0")), 250);
}

TEST(ReservationAdvisor, AForkedChildCanBuildWhileOtherThreadsOfItsParentDid) {
  if (!::alkaid::internal::kForkedChildHasMalloc) {
    GTEST_SKIP() << ::alkaid::internal::kNoMallocInForkedChild;
  }
  ReservationAdvisor advisor;
  advisor.Install();
  std::atomic<bool> stop{false};
  const Label label = Label::Intern("test.fork");
  std::thread busy([&stop, label] {
    while (!stop) {
      BufferBuilder builder;
      builder.SetLabel(label);
      if (!builder.Append("x").ok()) std::abort();
    }
  });
  int good = 0;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);
      BufferBuilder builder;
      builder.SetLabel(label);
      _exit(builder.Append("x").ok() ? 0 : 1);
    }
    int status = -1;
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0) ++good;
  }
  stop = true;
  busy.join();
  EXPECT_EQ(good, 20);
}

}  // namespace
}  // namespace alkaid::growth
