// Memory runs out at every point of every function of this room, and reads of files fail. The
// function must have answered as its header says, and a repeated call must answer as if nothing had
// failed.
//
// This file: headers and declarations. The other parts are dgram_failure_*_test.cc.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/detector_definition.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/names.h"
#include "alkaid/dgram/verify.h"
#include "alkaid/dgram/xtc.h"
#include "fixtures/failure_answers.h"
#include "fixtures/failure_suite.h"
#include "fixtures/failure_suite_main.h"
#include "fixtures/sample_dgrams.h"

namespace alkaid::dgram {
namespace {

using failing::Answer;
using failing::Argument;
using failing::FailureSuite;
using failing::OutOfMemory;
using samples::Add;
using samples::Configure;
using samples::Declared;
using samples::Definition;
using samples::Event;

TEST(DgramOutOfMemory, Texts) {
  failing::TryThrowing("Damage::ToString", [] { return Answer(Damage(0xffff).ToString()); });
  failing::TryNeedsNone("NamesId::ToString", [] { return Answer(NamesId(5, 7).ToString()); });
  failing::TryNeedsNone("Algorithm::VersionString", [] {
    return Answer(Algorithm{"a", 0xffffff}.VersionString());
  });
  const Names names = MakeDeclaration(Definition(), {}).value();
  failing::TryThrowing("Names::ToString", [&] { return Answer(names.ToString()); });
  const Finding finding{Finding::Kind::kFault, "a source with a long name", 1, 2, 3, "a text"};
  failing::TryThrowing("Finding::ToString", [&] { return Answer(finding.ToString()); });
  const Status long_one =
      absl::DataLossError("a long message, which no std::string keeps in itself");
  failing::TryThrowing("MessageOf", [&] { return Answer(alkaid::internal::MessageOf(long_one)); });
  // For callers that keep a fault, whose text must not be lost.
  const auto told = [](const Status& status) { return *Answer(status); };
  failing::TryThrowing("internal::DgramFault",
                       [&] { return told(internal::DgramFault("source", 1, 2, 3, "what")); });
  const Dgram event = Event(1);
  failing::TryThrowing("internal::DgramFault, of a datagram",
                       [&] { return told(internal::DgramFault(event, 3, "what")); });
  failing::TryStatus("Dgram::Fault", [&] { return Answer(event.Fault(3, "what")); });
}

void SeeNames(const Names& names, Digest* digest) { Add(names, digest); }

TEST(DgramOutOfMemory, Names) {
  const std::string one = fixtures::Names(
      5, "a_detector_with_a_long_name", 0, "an_algorithm_with_a_long_name",
      {{"a_field_with_a_long_name", 1, 0}, {"another_field_with_a_long_name", 2, 2}});
  const auto* const bytes = reinterpret_cast<const uint8_t*>(one.data());
  const auto extent = static_cast<int64_t>(one.size());
  failing::TryStatus("Names::Parse", [&] { return Answer(Names::Parse(bytes, extent), SeeNames); });
  failing::TryStatus("Names::Parse, an extent",
                     [&] { return Answer(Names::Parse(bytes, extent - 1), SeeNames); });
  const std::string odd = fixtures::Names(5, "det", 0, "raw", {{"field", 77, 0}});
  failing::TryStatus("Names::Parse, a type", [&] {
    return Answer(Names::Parse(reinterpret_cast<const uint8_t*>(odd.data()),
                               static_cast<int64_t>(odd.size())),
                  SeeNames);
  });
  const auto make = [&](const char* name, uint32_t number, const std::string& field, int rank) {
    const std::string detector = "a_detector_with_a_long_name";
    const std::vector<Field> fields = {{field, DataType::kUInt16, rank, {}}};
    failing::TryStatus(name, [&]() -> Result<Digest> {
      ALKAID_ASSIGN_OR_RAISE(std::string own, Argument(detector));
      ALKAID_ASSIGN_OR_RAISE(std::vector<Field> own_fields, Argument(fields));
      return Answer(Names::Make(NamesId(number), std::move(own), "type", "id", 0, {"raw", 1},
                                std::move(own_fields)),
                    SeeNames);
    });
  };
  make("Names::Make", 5, "a_field_with_a_long_name", 0);
  make("Names::Make, an id", 0xffffffff, "field", 0);
  make("Names::Make, a rank", 5, "field", 9);
  make("Names::Make, a name", 5, std::string(300, 'x'), 0);

  const dgram::Names names = Declared()->names().front();
  failing::TryNeedsNone("Names, copied", [&] {
    const dgram::Names copy = names;
    Digest digest;
    Add(copy, &digest);
    digest.Add(copy.FieldIndex("image"));
    digest.Add(copy.fields().front().base_name());
    digest.Add(copy.fields().front().enum_type());
    return digest;
  });
}

TEST(DgramOutOfMemory, Declarations) {
  const std::vector<dgram::Names>& there = Declared()->names();
  const auto declare = [&](const char* name, const DetectorDefinition& definition) {
    failing::TryStatus(name, [&]() -> Result<Digest> {
      ALKAID_ASSIGN_OR_RAISE(DetectorDefinition own, Argument(definition));
      return Answer(MakeDeclaration(std::move(own), there), SeeNames);
    });
  };
  declare("MakeDeclaration", Definition());
  declare("MakeDeclaration, of a wrong name", Definition("not legal"));
  DetectorDefinition twice = Definition();
  twice.fields.push_back(twice.fields.front());
  declare("MakeDeclaration, of a field twice", twice);
  DetectorDefinition high = Definition();
  high.names_id = 256;
  declare("MakeDeclaration, of a high number", high);
  DetectorDefinition odd = Definition();
  odd.fields.front().type = DataType::kEnumVal;
  declare("MakeDeclaration, of an enumeration", odd);
}

TEST(DgramOutOfMemory, Configurations) {
  const auto see = [](const std::shared_ptr<const Configuration>& made, Digest* digest) {
    for (const dgram::Names& names : made->names()) Add(names, digest);
  };
  failing::TryStatus("Configuration::FromDgram",
                     [&] { return Answer(Configuration::FromDgram(Configure()), see); });
  const Dgram event = Event(1);
  failing::TryStatus("Configuration::FromDgram, no Configure",
                     [&] { return Answer(Configuration::FromDgram(event), see); });
  const Dgram malformed = samples::MakeDgram(
      fixtures::Dgram(TransitionId::kConfigure, fixtures::Names(1, "d", 0, "a", {{"x", 99, 0}})),
      Declared());
  failing::TryStatus("Configuration::FromDgram, a malformed declaration",
                     [&] { return Answer(Configuration::FromDgram(malformed), see); });
  const auto from_names = [&](const char* name, const std::vector<dgram::Names>& names) {
    failing::TryStatus(name, [&]() -> Result<Digest> {
      ALKAID_ASSIGN_OR_RAISE(std::vector<dgram::Names> own, Argument(names));
      return Answer(Configuration::FromNames(std::move(own)), see);
    });
  };
  const std::vector<dgram::Names> names = Declared()->names();
  from_names("Configuration::FromNames", names);
  from_names("Configuration::FromNames, twice", {names.front(), names.front()});
  const dgram::Names more = MakeDeclaration(Definition(), names).value();
  failing::TryStatus("Configuration::With", [&] { return Answer(Declared()->With(more), see); });
  failing::TryStatus("Configuration::With, twice",
                     [&] { return Answer(Declared()->With(names[0]), see); });
  failing::TryThrowing("Configuration::Find, of all", [&] {
    Digest digest;
    for (const dgram::Names* found : Declared()->Find("det", 0, "raw")) Add(*found, &digest);
    return digest;
  });
  const auto find = [&](const char* name, const char* detector, const char* algorithm,
                        const char* field) {
    failing::TryStatus(name, [&, detector, algorithm, field] {
      return Answer(Declared()->Find(detector, 0, algorithm, field),
                    [](const FieldHandle& handle, Digest* digest) {
                      for (const auto& place : handle.places()) digest->Add(place.field);
                    });
    });
  };
  find("Configuration::Find", "det", "raw", "image");
  find("Configuration::Find, no field", "det", "raw", "other");
  find("Configuration::Find, no algorithm", "det", "fex", "image");
  find("Configuration::Find, no detector", "other", "raw", "image");
}

// A handle that finds no memory keeps all of its old value.
TEST(DgramOutOfMemory, AssigningAFieldHandle) {
  struct Handles {
    FieldHandle to;
    FieldHandle from;
  };
  const auto other = samples::MakeDgram(fixtures::Configure()).configuration();
  FailureSuite::Try(
      "FieldHandle, assigned", OutOfMemory::kThrows,
      [&](MemoryPool*) {
        return Handles{Declared()->Find("det", 0, "raw", "image").value(),
                       other->Find("det", 0, "raw", "image").value()};
      },
      [](Handles& handles) { handles.to = handles.from; },
      [&](Handles& handles) {
        return std::string(handles.to.configuration() == other ? "the other" : "the first");
      });
  Handles handles{Declared()->Find("det", 0, "raw", "image").value(),
                  other->Find("det", 0, "raw", "image").value()};
  failing::WithoutNew([&] { EXPECT_THROW(handles.to = handles.from, std::bad_alloc); });
  EXPECT_EQ(handles.to.configuration(), Declared());
  EXPECT_EQ(handles.to.places().size(), 1U);
}

}  // namespace
}  // namespace alkaid::dgram

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  return alkaid::failing::RunFailureSuite();
}
