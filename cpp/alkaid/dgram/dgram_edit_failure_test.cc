// What an edit refuses; a refused edit changes nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <string>
#include <vector>

#include "alkaid/core/pools/proxy_memory_pool.h"
#include "alkaid/dgram/dgram_edit.h"
#include "alkaid/dgram/shapes_data.h"
#include "alkaid/testing/fault_injecting_memory_pool.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_dgrams.h"

namespace alkaid::dgram {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Dgram MakeDgram(const std::string& bytes, std::shared_ptr<const Configuration> configuration = {}) {
  return Dgram::Make(fixtures::AsBuffer(bytes), 0, std::move(configuration), "run.xtc2", 3).value();
}
std::shared_ptr<const Configuration> Declared() {
  return MakeDgram(fixtures::Dgram(
                       TransitionId::kConfigure,
                       fixtures::Names(
                           fixtures::kSrc, "det", 0, "raw",
                           {{"count", 1, 0}, {"text", 10, 1}, {"image", 2, 2}, {"last", 9, 0}}) +
                           fixtures::Names(0x106, "fex", 0, "raw", {{"x", 8, 1}, {"y", 1, 0}})))
      .configuration();
}
std::string Saved(const DgramEdit& edit) {
  std::string bytes(static_cast<size_t>(edit.saved_size()), '\xee');
  EXPECT_THAT(edit.Save(std::span<uint8_t>(reinterpret_cast<uint8_t*>(bytes.data()), bytes.size())),
              IsOk());
  return bytes;
}

const std::vector<float> kThree = {1, 2, 3};
std::vector<FieldValue> FexValues() {
  return {FieldValue::Array<float>(kThree, {3}), FieldValue::Scalar<uint16_t>(9)};
}
constexpr int64_t kFexNeed = 12 + 12 + 20 + 12 + 12 + 2;

DetectorDefinition NewDetector() {
  return {.detector = "new", .algorithm = {"raw", 0}, .fields = {{"x", DataType::kFloat, 1, {}}}};
}
constexpr int64_t kNamesNeed = 1048 + 524;

TEST(DgramEditFailure, RoomIsEnoughAtTheVeryNeedAndNotOneByteBelow) {
  const auto configuration = Declared();
  const Names& fex = configuration->names()[1];
  const auto with_room = [&](int64_t room) {
    return DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration), {.room = room}).value();
  };
  DgramEdit enough = with_room(kFexNeed);
  ALKAID_EXPECT_OK(enough.AddData(fex, FexValues()));
  DgramEdit short_of_one = with_room(kFexNeed - 1);
  EXPECT_THAT(short_of_one.AddData(fex, FexValues()),
              StatusIs(StatusCode::kResourceExhausted,
                       AllOf(HasSubstr(std::to_string(kFexNeed)), HasSubstr("fex/0/raw"),
                             HasSubstr(std::to_string(kFexNeed - 1)))));
  EXPECT_EQ(Saved(short_of_one), fixtures::Event(1));

  const auto configure_with_room = [&](int64_t room) {
    return DgramEdit::Make(MakeDgram(fixtures::Configure()), {.room = room}).value();
  };
  DgramEdit configure = configure_with_room(kNamesNeed);
  ALKAID_EXPECT_OK(configure.AddDetector(NewDetector()));
  DgramEdit small = configure_with_room(kNamesNeed - 1);
  const auto before = small.configuration();
  EXPECT_THAT(small.AddDetector(NewDetector()),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr(std::to_string(kNamesNeed))));
  EXPECT_EQ(small.configuration(), before);
  EXPECT_EQ(Saved(small), fixtures::Configure());
  EXPECT_THAT(DgramEdit::Make(MakeDgram(fixtures::Configure()), {.room = -1}),
              StatusIs(StatusCode::kInvalidArgument));
}

TEST(DgramEditFailure, AFailedCallChangesNothing) {
  const auto configuration = Declared();
  const Names& fex = configuration->names()[1];
  ALKAID_ASSERT_OK_AND_ASSIGN(
      DgramEdit edit,
      DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration), {.room = kFexNeed}));
  ALKAID_ASSERT_OK(edit.AddData(fex, FexValues()));
  edit.UpdateDamage(Damage(1));
  const std::string before = Saved(edit);
  const Names other =
      Names::Make(NamesId(1, 6), "fex", "", "", 0, {"raw", 0}, {{"x", DataType::kFloat, 1, {}}})
          .value();
  const Names unknown =
      Names::Make(NamesId(1, 77), "fex", "", "", 0, {"raw", 0}, fex.fields()).value();

  EXPECT_THAT(edit.AddData(fex, FexValues()), StatusIs(StatusCode::kAlreadyExists));
  EXPECT_THAT(edit.AddData(other, {FieldValue::Array<float>(kThree, {3})}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("does not declare")));
  EXPECT_THAT(edit.AddData(unknown, FexValues()),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("0x00014d")));
  EXPECT_THAT(edit.AddDetector(NewDetector()), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(edit.RemoveData("none", "raw"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(edit.UpdateService(static_cast<TransitionId>(200)),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(Saved(edit), before);

  ALKAID_ASSERT_OK(edit.RemoveData("fex", "raw"));
  const std::string removed = Saved(edit);
  const auto refused = [&](std::vector<FieldValue> values, const std::string& what) {
    EXPECT_THAT(edit.AddData(fex, values), StatusIs(StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  refused({FexValues()[0]}, "1 of the 2 fields of fex/0/raw");
  refused({}, "0 of the 2 fields");
  refused({FexValues()[0], FexValues()[1], FexValues()[1]}, "3 values");
  refused({FexValues()[0], FieldValue::Scalar<int16_t>(9)}, "field \"y\" of fex/0/raw");
  refused({FieldValue::Array<float>(kThree, {4}), FexValues()[1]}, "field \"x\"");
  EXPECT_EQ(Saved(edit), removed);
  ALKAID_ASSERT_OK(edit.AddData(fex, FexValues()));
  EXPECT_EQ(Saved(edit), before);
}

// The same fields under the same number, but from another Configuration object.
TEST(DgramEditFailure, ADeclarationIsTakenForWhatItSaysAndNotForWhereItLies) {
  const auto configuration = Declared();
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration)));
  ALKAID_EXPECT_OK(edit.AddData(Declared()->names()[1], FexValues()));
}

TEST(DgramEditFailure, ATooSmallPlaceForTheResultIsRefusedAndNotWritten) {
  const auto configuration = Declared();
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration)));
  ALKAID_ASSERT_OK(edit.AddData(configuration->names()[1], FexValues()));
  const auto need = static_cast<size_t>(edit.saved_size());
  std::vector<uint8_t> out(need, 0xee);
  EXPECT_THAT(edit.Save(std::span<uint8_t>(out.data(), need - 1)),
              StatusIs(StatusCode::kResourceExhausted, AllOf(HasSubstr(std::to_string(need)),
                                                             HasSubstr(std::to_string(need - 1)))));
  EXPECT_EQ(out, std::vector<uint8_t>(need, 0xee));
  EXPECT_THAT(edit.Save(std::span<uint8_t>()), StatusIs(StatusCode::kResourceExhausted));
  ALKAID_EXPECT_OK(edit.Save(std::span<uint8_t>(out)));
}

TEST(DgramEditFailure, TheResultIsNotPutOverTheInput) {
  const auto configuration = Declared();
  ALKAID_ASSERT_OK_AND_ASSIGN(const std::shared_ptr<Buffer> buffer, AllocateBuffer(4096));
  const std::string event = fixtures::Event(1);
  std::memcpy(buffer->mutable_data() + 1000, event.data(), event.size());
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram dgram, Dgram::Make(buffer, 1000, configuration));
  ALKAID_ASSERT_OK_AND_ASSIGN(const DgramEdit edit, DgramEdit::Make(dgram));
  uint8_t* const bytes = buffer->mutable_data();
  for (const int64_t at : {int64_t{1000}, 1000 + dgram.size() - 1, 1001 - dgram.size()}) {
    EXPECT_THAT(edit.Save(std::span<uint8_t>(bytes + at, event.size())),
                StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_EQ(dgram.buffer()->ToString(), event);
  ALKAID_EXPECT_OK(edit.Save(std::span<uint8_t>(bytes + 1000 - event.size(), event.size())));
  ALKAID_EXPECT_OK(edit.Save(std::span<uint8_t>(bytes + 1000 + event.size(), event.size())));
}

TEST(DgramEditFailure, WithoutAConfigurationNothingIsAddedOrRemoved) {
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(MakeDgram(fixtures::Event(1))));
  EXPECT_EQ(edit.configuration(), nullptr);
  EXPECT_THAT(edit.AddData(Declared()->names()[1], FexValues()),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(edit.RemoveData("det", "raw"), StatusIs(StatusCode::kNotFound));
  EXPECT_EQ(Saved(edit), fixtures::Event(1));
  EXPECT_THAT(DgramEdit::Make(Dgram()), StatusIs(StatusCode::kInvalidArgument));
}

TEST(DgramEditFailure, MalformedDatagramsAreRefusedAndTheOneBeforeStays) {
  const auto configuration = Declared();
  const auto l1 = [](const std::string& payload) {
    return fixtures::Dgram(TransitionId::kL1Accept, payload);
  };
  const auto parent = [](const std::string& payload, int64_t extent = -1) {
    return fixtures::Xtc(fixtures::kParent, payload, 0, 0, extent);
  };
  std::string deep;
  for (int i = 0; i < 65; ++i) deep = parent(deep);
  const std::string data = fixtures::ShapesData(0x106, "", "");
  const auto with_extent = [&](int64_t extent) {
    return fixtures::Xtc(fixtures::kShapesData, data, 0x106, 0, extent);
  };
  ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit,
                              DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration)));
  ALKAID_ASSERT_OK(edit.AddData(configuration->names()[1], FexValues()));
  const std::string before = Saved(edit);
  for (const std::string& bytes :
       {l1("x"), l1(data + "12345678901"), l1(with_extent(0)), l1(with_extent(11)),
        l1(with_extent(1000)), l1(with_extent(0xffffffff)), l1(parent(data + "x")),
        l1(parent(with_extent(1000)) + data), l1(parent(data, 500)), l1(deep),
        fixtures::Dgram(TransitionId::kConfigure, fixtures::Xtc(fixtures::kNames, "short")),
        fixtures::Dgram(TransitionId::kConfigure,
                        fixtures::Names(1, "d", 0, "a", {{"x", 99, 0}}))}) {
    const Dgram bad =
        Dgram::Make(fixtures::AsBuffer(bytes), 0, configuration, "bad.xtc2", 4).value();
    EXPECT_THAT(edit.Reset(bad), StatusIs(StatusCode::kDataLoss, HasSubstr("bad.xtc2")));
    EXPECT_THAT(DgramEdit::Make(bad), StatusIs(StatusCode::kDataLoss));
    EXPECT_EQ(Saved(edit), before);
    EXPECT_EQ(edit.configuration(), configuration);
  }
}

TEST(DgramEditFailure, WhatWasMovedFromHoldsNothingUntilItIsReset) {
  const auto configuration = Declared();
  const Names& fex = configuration->names()[1];
  DgramEdit edit = DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration)).value();
  ALKAID_ASSERT_OK(edit.AddData(fex, FexValues()));
  const std::string saved = Saved(edit);
  {
    DgramEdit other = std::move(edit);
    EXPECT_EQ(Saved(other), saved);
  }
  // NOLINTBEGIN(bugprone-use-after-move)
  std::vector<uint8_t> out(4096);
  EXPECT_EQ(edit.saved_size(), kDgramHeaderBytes);
  EXPECT_EQ(edit.configuration(), nullptr);
  EXPECT_THAT(edit.Save(std::span<uint8_t>(out)),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("moved from")));
  EXPECT_THAT(edit.Save(), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(edit.AddData(fex, FexValues()), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(edit.AddDetector(NewDetector()), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(edit.RemoveData("det", "raw"), StatusIs(StatusCode::kFailedPrecondition));
  ALKAID_ASSERT_OK(edit.Reset(MakeDgram(fixtures::Event(1), configuration)));
  ALKAID_ASSERT_OK(edit.AddData(fex, FexValues()));
  EXPECT_EQ(Saved(edit), saved);
  DgramEdit assigned = DgramEdit::Make(MakeDgram(fixtures::Event(2), configuration)).value();
  assigned = std::move(edit);
  EXPECT_EQ(Saved(assigned), saved);
  EXPECT_EQ(edit.saved_size(), kDgramHeaderBytes);
  // NOLINTEND(bugprone-use-after-move)
}

TEST(DgramEditFailure, AConfigureIsNotMadeIntoAnotherDatagramNorAnotherIntoOne) {
  DgramEdit configure = DgramEdit::Make(MakeDgram(fixtures::Configure())).value();
  EXPECT_THAT(configure.UpdateService(TransitionId::kL1Accept),
              StatusIs(StatusCode::kFailedPrecondition, HasSubstr("Configure made into L1Accept")));
  ALKAID_EXPECT_OK(configure.UpdateService(TransitionId::kConfigure));
  EXPECT_EQ(Saved(configure), fixtures::Configure());
  DgramEdit event = DgramEdit::Make(MakeDgram(fixtures::Event(1), Declared())).value();
  EXPECT_THAT(event.UpdateService(TransitionId::kConfigure),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(Saved(event), fixtures::Event(1));
}

TEST(DgramEditFailure, CorruptedIsTakenBackOnlyFromWhatReadersCanRead) {
  const auto configuration = Declared();
  const auto corrupted = [](TransitionId service, const std::string& payload) {
    return fixtures::Dgram(service, payload, 1, 0x8);
  };
  std::vector<uint8_t> out(4096, 0xee);
  for (const std::string& bytes :
       {corrupted(TransitionId::kL1Accept, "rubbish"),
        corrupted(TransitionId::kL1Accept, fixtures::Xtc(fixtures::kParent, "rubbish")),
        corrupted(TransitionId::kConfigure, fixtures::Xtc(fixtures::kNames, "rubbish"))}) {
    DgramEdit edit = DgramEdit::Make(MakeDgram(bytes, configuration)).value();
    edit.UpdateDamage(Damage(0x2));
    EXPECT_THAT(edit.Save(std::span<uint8_t>(out)),
                StatusIs(StatusCode::kFailedPrecondition,
                         AllOf(HasSubstr("Corrupted"), HasSubstr("run.xtc2: byte "),
                               HasSubstr("(datagram 3 at"))));
    EXPECT_THAT(edit.Save(), StatusIs(StatusCode::kFailedPrecondition));
    EXPECT_EQ(out, std::vector<uint8_t>(4096, 0xee));
    edit.UpdateDamage(Damage(0xa));
    std::string kept = bytes;
    kept[16] = 0xa;
    EXPECT_EQ(Saved(edit), kept);
  }
  DgramEdit sound =
      DgramEdit::Make(
          MakeDgram(corrupted(TransitionId::kL1Accept, fixtures::EventPayload(1)), configuration))
          .value();
  sound.UpdateDamage(Damage());
  EXPECT_EQ(Saved(sound), fixtures::Event(1));
  std::string configure = fixtures::Configure();
  configure[16] = 8;
  DgramEdit declaring = DgramEdit::Make(MakeDgram(configure)).value();
  declaring.UpdateDamage(Damage());
  ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram uncovered, declaring.Save());
  EXPECT_EQ(uncovered.buffer()->ToString(), fixtures::Configure());
  EXPECT_EQ(uncovered.configuration()->names().size(), 1U);
}

// With any one byte of a datagram changed, an edit works or returns kDataLoss, and what is saved
// has the size that its header states.
TEST(DgramEditFailure, NoByteThatIsWrongBringsItDown) {
  const auto configuration = Declared();
  std::string bytes = fixtures::Dgram(TransitionId::kL1Accept,
                                      fixtures::Xtc(fixtures::kParent, fixtures::EventPayload(1)) +
                                          fixtures::ShapesData(0x106, "", ""));
  int64_t refused = 0;
  int64_t saved = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int value : {0, 1, 4, 0x7f, 0xff}) {
      const char kept = bytes[at];
      bytes[at] = static_cast<char>(value);
      const Result<Dgram> dgram = Dgram::Make(fixtures::AsBuffer(bytes), 0, configuration);
      Result<DgramEdit> edit =
          dgram.ok() ? DgramEdit::Make(*dgram) : Result<DgramEdit>(dgram.status());
      if (!edit.ok()) {
        EXPECT_THAT(edit, StatusIs(StatusCode::kDataLoss));
        ++refused;
      } else {
        edit->RemoveData("det", "raw").IgnoreError();
        edit->AddData(configuration->names()[1], FexValues()).IgnoreError();
        const std::string out = Saved(*edit);
        EXPECT_EQ(DgramHeader::SizeOf(reinterpret_cast<const uint8_t*>(out.data())),
                  static_cast<int64_t>(out.size()));
        ++saved;
      }
      bytes[at] = kept;
    }
  }
  EXPECT_GT(refused, 10);
  EXPECT_GT(saved, 100);
}

// An address space of 4 GiB, of which only the first page is touched.
TEST(DgramEditFailure, ADatagramThatPassesItsHeadersLimitIsRefused) {
  constexpr int64_t kExtent = 0xffffffff - kFexNeed + 1;
  constexpr size_t kBytes = size_t{1} << 32;
  void* const memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) GTEST_SKIP() << "no 4 GiB of addresses are to be had";
  const std::string headers = fixtures::Dgram(TransitionId::kL1Accept, "", 0, 0, kExtent) +
                              fixtures::Xtc(77, "", 0, 0, kExtent - 12);
  std::memcpy(memory, headers.data(), headers.size());
  {
    const auto configuration = Declared();
    const auto buffer =
        std::make_shared<Buffer>(static_cast<const uint8_t*>(memory), static_cast<int64_t>(kBytes));
    ALKAID_ASSERT_OK_AND_ASSIGN(const Dgram dgram, Dgram::Make(buffer, 0, configuration));
    ALKAID_ASSERT_OK_AND_ASSIGN(DgramEdit edit, DgramEdit::Make(dgram));
    EXPECT_THAT(edit.AddData(configuration->names()[1], FexValues()),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("4294967295")));
    EXPECT_EQ(edit.saved_size(), kExtent + 12);
    // With one byte less it fits.
    const std::vector<float> none;
    ALKAID_EXPECT_OK(edit.AddData(configuration->names()[1], {FieldValue::Array<float>(none, {0}),
                                                              FieldValue::Scalar<uint16_t>(1)}));
  }
  ::munmap(memory, kBytes);
}

TEST(DgramEditFailure, AtEveryAllocationPointThatFailsNothingIsLost) {
  ProxyMemoryPool pool(default_memory_pool());
  const auto configuration = Declared();
  const Dgram event = MakeDgram(fixtures::Event(1), configuration);
  const int64_t points =
      ForEachAllocationFailure(&pool, [&](FaultInjectingMemoryPool* failing) -> Status {
        ALKAID_ASSIGN_OR_RAISE(DgramEdit edit, DgramEdit::Make(event, {.pool = failing}));
        ALKAID_RETURN_NOT_OK(edit.AddData(configuration->names()[1], FexValues()));
        ALKAID_RETURN_NOT_OK(edit.Save().status());
        ALKAID_RETURN_NOT_OK(edit.Reset(MakeDgram(fixtures::Configure())));
        for (int i = 0; i < 5; ++i) ALKAID_RETURN_NOT_OK(edit.AddDetector(NewDetector()).status());
        return edit.Save().status();
      });
  EXPECT_GE(points, 4);
}

TEST(DgramEditFailure, AnAdditionThatFoundNoMemoryCanBeMadeAgain) {
  FaultInjectingMemoryPool pool(default_memory_pool());
  const auto configuration = Declared();
  ALKAID_ASSERT_OK_AND_ASSIGN(
      DgramEdit edit,
      DgramEdit::Make(MakeDgram(fixtures::Event(1), configuration), {.pool = &pool}));
  pool.fail_after(1);
  EXPECT_THAT(edit.AddData(configuration->names()[1], FexValues()),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("injected")));
  EXPECT_EQ(Saved(edit), fixtures::Event(1));
  ALKAID_EXPECT_OK(edit.AddData(configuration->names()[1], FexValues()));
  ALKAID_ASSERT_OK(edit.Reset(MakeDgram(fixtures::Configure())));
  pool.fail_after(1);
  const auto before = edit.configuration();
  EXPECT_THAT(edit.AddDetector(NewDetector()), StatusIs(StatusCode::kResourceExhausted));
  EXPECT_EQ(edit.configuration(), before);
  EXPECT_EQ(Saved(edit), fixtures::Configure());
}

TEST(DgramEditFailure, AfterTheFirstDatagramsOneEditorAllocatesNothing) {
  ProxyMemoryPool pool(default_memory_pool());
  const auto configuration = Declared();
  ALKAID_ASSERT_OK_AND_ASSIGN(
      DgramEdit edit,
      DgramEdit::Make(MakeDgram(fixtures::Event(0), configuration), {.pool = &pool}));
  std::vector<uint8_t> out(4096);
  int64_t after_first = 0;
  for (uint32_t i = 0; i < 20; ++i) {
    ALKAID_ASSERT_OK(edit.Reset(MakeDgram(fixtures::Event(i), configuration)));
    ALKAID_ASSERT_OK(edit.RemoveData("det", "raw"));
    ALKAID_ASSERT_OK(edit.AddData(configuration->names()[1], FexValues()));
    EXPECT_THAT(edit.Save(std::span<uint8_t>(out)), IsOkAndHolds(24 + kFexNeed));
    if (i == 0) after_first = pool.num_allocations();
  }
  EXPECT_EQ(pool.num_allocations(), after_first);
  EXPECT_GT(after_first, 0);
}

}  // namespace
}  // namespace alkaid::dgram
