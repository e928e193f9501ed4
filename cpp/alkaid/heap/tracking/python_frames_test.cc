#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "alkaid/heap/tracking/python_frames_internal.h"
#include "fixtures/made_python.h"

namespace alkaid::heap {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Made = MadePython<PythonLayout>;

uint64_t thread_state = 0;
void* ThreadState() { return reinterpret_cast<void*>(thread_state); }

// Native frames of eight words each, on a separate stack: #1 and #3 are the interpreter's.
class PythonFramesTest : public ::testing::TestWithParam<PythonLayout> {
 protected:
  static constexpr uint64_t kLoop = 0x5000;
  static constexpr uint64_t kNative[] = {0x1001, kLoop + 1, 0x2001, kLoop + 2, 0x3001};

  PythonFramesTest() { thread_state = python_.Make(256); }

  PythonFrames::Interpreter Interpreter() const {
    return {.thread_state = ThreadState,
            .version = uint64_t{GetParam().version} << 16 | 0x02f0,
            .code_type = Made::kCodeType,
            .unicode_type = Made::kUnicodeType,
            .loop_start = kLoop,
            .loop_end = kLoop + 0x10};
  }
  uint64_t StackPointer(size_t frame) const {
    return reinterpret_cast<uint64_t>(&stack_[8 * frame]);
  }
  // The record of an interpreter's call, which lies in its native frame.
  uint64_t PlaceIn(size_t frame) { return StackPointer(frame) + 16; }

  // A call of the interpreter in native frame `native`. Its Python frames go from `innermost` to
  // `outermost`; `around` is the outer call, or null.
  struct Call {
    uint64_t record;     // only in versions with call records
    uint64_t innermost;  // frame
  };
  Call MakeCall(size_t native, uint64_t innermost, uint64_t outermost, const Call* around) {
    const PythonLayout& layout = GetParam();
    const uint64_t place = PlaceIn(native);
    const uint64_t outside = around != nullptr ? around->innermost : 0;
    if (layout.has_calls) {
      Made::Set(place, layout.call_frame, innermost);
      Made::Set(place, layout.call_previous, around != nullptr ? around->record : uint64_t{0});
      python_.SetPrevious(outermost, outside);
      if (layout.frame_is_entry == 0) {
        python_.SetPrevious(outermost, python_.Frame(0, 0, outside, false, kOwnedByCStack));
      }
    } else {
      // The end frame itself lies on the stack; here it takes the words of two native frames.
      const uint64_t end = python_.Frame(0, 0, outside, false, kOwnedByCStack);
      std::memcpy(reinterpret_cast<void*>(place), reinterpret_cast<void*>(end), 80);
      python_.SetPrevious(outermost, place);
    }
    return {place, innermost};
  }
  void Enter(const Call& call) {
    Made::Set(thread_state, GetParam().thread_frames,
              GetParam().has_calls ? call.record : call.innermost);
  }

  // `natives`: how many native frames the unwinder found.
  std::vector<std::string> Woven(size_t room = 16, size_t natives = std::size(kNative)) {
    std::vector<uint64_t> pointers;
    for (size_t i = 0; i < natives; ++i) pointers.push_back(StackPointer(i));
    std::vector<uint64_t> woven(room);
    woven.resize(frames_.Weave(std::span(kNative).first(natives), pointers.data(), woven));
    std::vector<std::string> names;
    for (const uint64_t address : woven) names.push_back(NameOf(address));
    return names;
  }
  std::string NameOf(uint64_t address) const {
    if (address < kPythonPlaces) {
      for (size_t i = 0; i < std::size(kNative); ++i) {
        if (kNative[i] == address) return "#" + std::to_string(i);
      }
      return "?";
    }
    const TrackedPythonPlace& place =
        records_.load()[(address - kPythonPlaces) / kPythonPlaceStride];
    const std::string text(place.text.load(), place.file_size + place.function_size);
    return text.substr(place.file_size) + " " + text.substr(0, place.file_size) + ":" +
           std::to_string(place.line);
  }

  Made python_{GetParam()};
  std::array<uint64_t, 128> stack_ = {};
  std::atomic<TrackedPythonPlace*> records_{nullptr};
  std::atomic<uint32_t> count_{0};
  PythonPlaces places_{&records_, &count_};
  PythonFrames frames_{&places_};
};

TEST_P(PythonFramesTest, PutsTheFunctionsOfEachCallInThePlaceOfItsNativeFrame) {
  ASSERT_TRUE(frames_.Use(Interpreter()));
  const uint64_t main = python_.Frame(python_.Code(U"run.py", U"<module>", 1), 4, 0, true);
  const Call outer = MakeCall(3, main, main, nullptr);
  const uint64_t called = python_.Frame(python_.Code(U"run.py", U"Reader.read", 10), 2, 0, true);
  const uint64_t inner = python_.Frame(python_.Code(U"lib.py", U"make", 30), 7, called);
  Enter(MakeCall(1, inner, called, &outer));
  EXPECT_THAT(Woven(), ElementsAre("#0", "make lib.py:33", "Reader.read run.py:11", "#2",
                                   "<module> run.py:3", "#4"));
  // The places are known now, and the result is the same.
  EXPECT_THAT(Woven(), ElementsAre("#0", "make lib.py:33", "Reader.read run.py:11", "#2",
                                   "<module> run.py:3", "#4"));
  EXPECT_THAT(Woven(3), ElementsAre("#0", "make lib.py:33", "Reader.read run.py:11"));
}

TEST_P(PythonFramesTest, WhatLiesBeyondTheLastNativeFrameFollowsIt) {
  ASSERT_TRUE(frames_.Use(Interpreter()));
  const uint64_t main = python_.Frame(python_.Code(U"run.py", U"<module>", 1), 4, 0, true);
  const Call outer = MakeCall(3, main, main, nullptr);
  const uint64_t called = python_.Frame(python_.Code(U"run.py", U"Reader.read", 10), 2, 0, true);
  const uint64_t inner = python_.Frame(python_.Code(U"lib.py", U"make", 30), 7, called);
  Enter(MakeCall(1, inner, called, &outer));
  // As from the frame-pointer unwinder, and from one that stopped at a trampoline of `-X perf`.
  EXPECT_THAT(Woven(16, 1),
              ElementsAre("#0", "make lib.py:33", "Reader.read run.py:11", "<module> run.py:3"));
  EXPECT_THAT(Woven(16, 2),
              ElementsAre("#0", "make lib.py:33", "Reader.read run.py:11", "<module> run.py:3"));
  EXPECT_THAT(Woven(16, 3), ElementsAre("#0", "make lib.py:33", "Reader.read run.py:11", "#2",
                                        "<module> run.py:3"));
  EXPECT_THAT(Woven(2, 1), ElementsAre("#0", "make lib.py:33"));
  // A cycle of calls ends when the room is full; if its calls have no function, it ends at once.
  if (!GetParam().has_calls) return;
  Made::Set(outer.record, GetParam().call_previous, outer.record);
  EXPECT_LE(Woven(16, 1).size(), 16u);
  Made::Set(main, GetParam().frame_code, uint64_t{24});
  EXPECT_THAT(Woven(16, 1), ElementsAre("#0", "make lib.py:33", "Reader.read run.py:11"));
}

TEST_P(PythonFramesTest, LeavesNativeFramesAloneInAThreadWithoutPython) {
  ASSERT_TRUE(frames_.Use(Interpreter()));
  Enter({0, 0});
  EXPECT_THAT(Woven(), ElementsAre("#0", "#1", "#2", "#3", "#4"));
  thread_state = 0;
  EXPECT_THAT(Woven(), ElementsAre("#0", "#1", "#2", "#3", "#4"));
}

TEST_P(PythonFramesTest, LeavesOutWhatHasNotBegun) {
  ASSERT_TRUE(frames_.Use(Interpreter()));
  const uint64_t main = python_.Frame(python_.Code(U"run.py", U"<module>", 1), 4, 0, true);
  const uint64_t fresh = python_.Frame(python_.Code(U"run.py", U"fresh", 10, 20, 3), 1, main);
  const uint64_t generator = python_.Frame(python_.Code(U"run.py", U"numbers", 20, 20, 3), 1, fresh,
                                           false, kOwnedByGenerator);
  Enter(MakeCall(1, generator, main, nullptr));
  EXPECT_THAT(Woven(),
              ElementsAre("#0", "numbers run.py:20", "<module> run.py:3", "#2", "#3", "#4"));
}

TEST_P(PythonFramesTest, ADamagedChainEndsWhereItIsDamaged) {
  ASSERT_TRUE(frames_.Use(Interpreter()));
  const uint64_t main = python_.Frame(python_.Code(U"run.py", U"<module>", 1), 4, 0, true);
  const uint64_t inner = python_.Frame(python_.Code(U"lib.py", U"make", 30), 7, main);
  Enter(MakeCall(1, inner, main, nullptr));
  void* const page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  for (const uint64_t wrong : {uint64_t{0}, uint64_t{8}, uint64_t{12345}, ~uint64_t{7},
                               reinterpret_cast<uint64_t>(page)}) {
    python_.SetPrevious(inner, wrong);
    const auto woven = Woven();
    ASSERT_GE(woven.size(), 5u) << wrong;
    EXPECT_EQ(woven[0], "#0");
    EXPECT_EQ(woven[1], "make lib.py:33") << wrong;
    EXPECT_EQ(woven[2], "#2");
  }
  ::munmap(page, 4096);
}

TEST_P(PythonFramesTest, ARingOfFramesEnds) {
  ASSERT_TRUE(frames_.Use(Interpreter()));
  const uint64_t one = python_.Frame(python_.Code(U"a.py", U"one", 1), 0, 0);
  const uint64_t two = python_.Frame(python_.Code(U"a.py", U"two", 1), 0, one);
  const uint64_t three = python_.Frame(python_.Code(U"a.py", U"three", 1), 0, two);
  Enter(MakeCall(1, three, one, nullptr));
  python_.SetPrevious(one, three);
  const auto woven = Woven(100);
  EXPECT_LE(woven.size(), 16u);
  EXPECT_EQ(woven.back(), "#4");
}

TEST_P(PythonFramesTest, WhatIsNoCodeLeavesItsNativeFrame) {
  ASSERT_TRUE(frames_.Use(Interpreter()));
  const uint64_t code = python_.Code(U"run.py", U"f", 1);
  const uint64_t main = python_.Frame(code, 4, 0, true);
  Enter(MakeCall(1, main, main, nullptr));
  // A code object of another type, and then one whose name is not a str.
  Made::Set(code, 8, uint64_t{0x3333'0000});
  EXPECT_THAT(Woven(), ElementsAre("#0", "#1", "#2", "#3", "#4"));
  Made::Set(code, 8, Made::kCodeType);
  Made::Set(code, 112, uint64_t{16});
  EXPECT_THAT(Woven(), ElementsAre("#0", "#1", "#2", "#3", "#4"));
  // An instruction beyond the end of the code.
  Made::Set(code, 112, python_.Str(U"run.py"));
  Made::Set(main, GetParam().frame_instruction, code + 100'000);
  EXPECT_THAT(Woven(), ElementsAre("#0", "#1", "#2", "#3", "#4"));
  Made::Set(main, GetParam().frame_code, uint64_t{24});
  EXPECT_THAT(Woven(), ElementsAre("#0", "#1", "#2", "#3", "#4"));
}

TEST_P(PythonFramesTest, DeepRecursionIsCutAndTheRestIsFound) {
  ASSERT_TRUE(frames_.Use(Interpreter()));
  const uint64_t code = python_.Code(U"run.py", U"deep", 1);
  const uint64_t outermost = python_.Frame(code, 0, 0, true);
  uint64_t innermost = outermost;
  for (int i = 0; i < 5000; ++i) innermost = python_.Frame(code, 2, innermost);
  Enter(MakeCall(1, innermost, outermost, nullptr));
  const auto woven = Woven(32);
  EXPECT_EQ(woven.size(), 32u);
  EXPECT_EQ(woven[0], "#0");
  EXPECT_EQ(woven[1], "deep run.py:2");
  EXPECT_EQ(woven[31], "deep run.py:2");
}

TEST_P(PythonFramesTest, AVersionThatIsNotKnownIsSaidOnce) {
  PythonFrames::Interpreter interpreter = Interpreter();
  interpreter.version = uint64_t{0x30e} << 16 | 0x01f0;
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(frames_.Use(interpreter));
  EXPECT_FALSE(frames_.Use(interpreter));
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(said,
              HasSubstr("no lines of Python in stack traces: Python 3.14.1 is not supported"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST_P(PythonFramesTest, OtherBuildsOfAKnownVersionAreNotKnown) {
  ::testing::internal::CaptureStderr();
  PythonFrames::Interpreter interpreter = Interpreter();
  interpreter.free_threaded = true;
  EXPECT_FALSE(frames_.Use(interpreter));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("without the global lock"));

  PythonFrames others(&places_);
  interpreter = Interpreter();
  interpreter.version = uint64_t{GetParam().version} << 16 | 0x00a1;
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(others.Use(interpreter));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("before its release"));

  PythonFrames old(&places_);
  interpreter.version = 0;
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(old.Use(interpreter));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("older than 3.11"));
}

INSTANTIATE_TEST_SUITE_P(AllVersions, PythonFramesTest, ::testing::ValuesIn(kPythonLayouts),
                         [](const auto& version) {
                           return "Python3_" + std::to_string(version.param.version & 0xff);
                         });

}  // namespace
}  // namespace alkaid::heap
