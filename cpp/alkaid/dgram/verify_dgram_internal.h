// DgramCheck: a Verifier's check of one datagram, which finds all that is wrong with it.
//
//   verify_dgram.cc    header, and the walk over Xtcs
//   verify_names.cc    declarations
//   verify_data.cc     data, and their fields
//   verify_records.cc  records of small data, and announced chunks
//
// The declarations of a Configure are read first, as they may follow data. Findings are held for no
// longer than the check of their Xtc, so memory does not grow with the datagram.
//
// Ownership: borrows the Verifier and the Dgram. Threads: one. Out of memory: Run throws
// std::bad_alloc, and the verifier's own state is as it was.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "alkaid/base/status.h"
#include "alkaid/dgram/child_xtcs_internal.h"
#include "alkaid/dgram/verify.h"

namespace alkaid::dgram::internal {

class DgramCheck {
 public:
  DgramCheck(Verifier* verifier, const Dgram& dgram)
      : verifier_(*verifier), state_(verifier->state_), dgram_(dgram), data_(dgram.data()) {}

  void Run();

 private:
  // The payload of a Shapes or a Data, or the bytes of a field.
  struct Part {
    int64_t at = -1;  // none was met
    int64_t nbytes = 0;
  };
  // What the next data are used for, and the two fields with which that is done.
  struct Use {
    enum class Purpose { kNone, kRecord, kChunk };
    Purpose purpose = Purpose::kNone;
    std::array<int, 2> fields = {-1, -1};
  };

  // Passes on the findings so far, in order of bytes.
  void Flush();
  template <typename... Args>
  void Add(Finding::Kind kind, int64_t at, const Args&... args) {
    if (only_declare_) return;
    has_fault_ |= kind == Finding::Kind::kFault;
    findings_.push_back({kind, verifier_.source_, dgram_.offset() + at, dgram_.offset(),
                         dgram_.index(), absl::StrCat(args...)});
  }
  template <typename... Args>
  void Fault(int64_t at, const Args&... args) {
    Add(Finding::Kind::kFault, at, args...);
  }
  template <typename... Args>
  void Remark(int64_t at, const Args&... args) {
    Add(Finding::Kind::kRemark, at, args...);
  }
  void RemarkDamage(int64_t at, Damage damage, const char* of) {
    if (damage.value() != 0) Remark(at, of, " is damaged: ", damage.ToString());
  }
  void RemarkSkipped(const ChildXtcs& children) {
    Remark(children.offset(), "Xtc of type ", static_cast<int>(children.xtc().type()), " and ",
           children.xtc().extent, " bytes, which readers skip here");
  }
  // Whether the Xtcs in a row, through which `children` went, are sound to their end.
  bool CheckEnd(const ChildXtcs& children, const char* around);

  void CheckHeader();
  // Reads the declarations of a Configure.
  void Declare();
  void CheckPayload();
  void Walk(int64_t begin, int64_t end, int depth);
  void CheckParent(const ChildXtcs& parent, int depth);

  void CheckNames(int64_t at, const Xtc& xtc);
  void RemarkOddNames(int64_t at, const Names& names);

  void CheckShapesData(int64_t at, const Xtc& xtc);
  // The declaration of data that can be checked; null where there is none.
  const Names* DeclarationOf(int64_t at, NamesId id);
  // Whether all children of a ShapesData could be found.
  bool FindParts(int64_t at, int64_t end, Part* shapes, Part* data);
  void CheckParts(int64_t at, const Names& names, const Part& shapes, const Part& data);
  // False where a field does not fit. The fields with the two indices in `wanted` go to `found`.
  bool CheckFields(const Names& names, const Part& shapes, const Part& data,
                   const std::array<int, 2>& wanted, std::array<Part, 2>* found);
  void FaultField(const Names& names, const Field& field, int64_t at, int64_t shape_at, int64_t end,
                  int64_t nbytes);

  Use UseOf(const Names& names);
  void CheckSmdRecord(int64_t at, const std::array<Part, 2>& found);
  void CheckChunk(int64_t at, const Names& names, const std::array<int, 2>& fields,
                  const std::array<Part, 2>& found);
  void CheckOrder(uint32_t id, std::string file);

  Verifier& verifier_;
  // The verifier's state after this datagram. For a Configure also its own declarations.
  Verifier::State state_;
  Verifier::Declarations own_;
  Verifier::Declarations* declared_ = &verifier_.declared_;
  // Declarations whose data were reported here as not checked.
  std::vector<Verifier::Declared*> remarked_;
  const Dgram& dgram_;
  const uint8_t* const data_;
  bool only_declare_ = false;
  bool has_fault_ = false;
  bool record_met_ = false;
  bool chunk_met_ = false;
  // The chunk that this datagram announces, if readers go on in it.
  std::optional<Verifier::Announced> announced_;
  // The NamesIds met in this datagram; for data only the declared ones.
  std::unordered_set<uint32_t> met_names_;
  std::unordered_set<uint32_t> met_data_;
  std::vector<Finding> findings_;
};

}  // namespace alkaid::dgram::internal
