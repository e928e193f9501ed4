// Verifier: finds everything that is wrong with a file of datagrams, not only the first fault.
//
// A reader stops at the first fault; this goes on. Each declaration and each detector's data are
// checked by themselves, so a fault in one does not hide the next. Where a chain of extents breaks,
// the rest of the enclosing Xtc is lost, and the finding says how many bytes that is. Where a
// datagram's own extent is wrong, the rest of the file is lost.
//
//   Verifier verifier("run.xtc2", [](const Finding& finding) { Use(finding.ToString()); });
//   ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open("run.xtc2", ForVerifying()));
//   ALKAID_RETURN_NOT_OK(verifier.CheckAll(*reader));
//
// A fault is what a reader refuses:
//   - malformed structure, as XTC2, section 6, lists it
//   - data whose declarations are under the mark Corrupted
//   - in small data a record that cannot be true, or is missing
//   - an announced chunk that is no file in the same folder, or that no reader comes to, since the
//     source announced a later one before
// A source has a fault if, and only if, a reader of datagrams, of fields, of records or of
// announced chunks refuses a part of it.
//
// A remark is about something sound but unusual: damage; a NamesId declared twice, of which the
// last counts; a service without a meaning; time that goes backwards, or has 10^9 nanoseconds or
// more; Xtcs that readers skip; data of one NamesId twice in a datagram; several fields of one
// name; enumerations without a name; text without a NUL; bytes that belong to nothing.
//
// Ownership: a Verifier keeps copies of the declarations in force, and no datagram. Findings are
// passed on as they come, so memory does not grow with the datagram.
// Threads: one at a time. Out of memory: CheckBatch and CheckAll return kResourceExhausted, also
// where the reader or the report runs out; Check returns no status and throws std::bad_alloc. Each
// may be called again: Check for the same datagram, without repeating findings that were passed on,
// CheckBatch and CheckAll to go on. A datagram that was not checked to its end counts only by its
// findings.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/dgram/batch_reader.h"
#include "alkaid/dgram/configuration.h"
#include "alkaid/dgram/configuration_history.h"
#include "alkaid/dgram/dgram.h"
#include "alkaid/dgram/names.h"

namespace alkaid::dgram {
namespace internal {
class DgramCheck;
}

struct ALKAID_EXPORT Finding {
  enum class Kind { kFault, kRemark };

  Kind kind = Kind::kFault;
  std::string source;
  // The place of the finding, and the start of its datagram, in bytes from the start of the source.
  int64_t byte = 0;
  int64_t dgram_byte = 0;
  int64_t dgram_index = 0;
  // What is wrong.
  std::string text;

  // "run.xtc2: byte 52 (datagram 1 at byte 16): fault: ..."
  std::string ToString() const;
};

struct VerifyTotals {
  int64_t dgrams = 0;
  int64_t bytes = 0;  // of those datagrams
  int64_t faults = 0;
  int64_t remarks = 0;
  // Bytes that follow a datagram whose own extent is wrong.
  int64_t bytes_not_reached = 0;
};

// `options` changed for a reader whose file is to be verified: it delivers every datagram with a
// sound header.
ALKAID_EXPORT BatchReaderOptions ForVerifying(BatchReaderOptions options = {});

class ALKAID_EXPORT Verifier {
 public:
  // Called for every finding, datagram by datagram, and in a datagram in order of bytes.
  using Report = std::function<void(const Finding&)>;

  // `source` is the name of the source in findings. `configuration` declares the fields until a
  // Configure comes, for files that continue another; null: a Configure must come first.
  Verifier(std::string source, Report report,
           std::shared_ptr<const Configuration> configuration = nullptr);
  // The same where the other file may have several Configures: `history` has them by time. A
  // datagram of no known Configuration is a fault.
  Verifier(std::string source, Report report, std::shared_ptr<const ConfigurationHistory> history);
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  // Checks the next datagram of the source; its own Configuration is not used. Passes on what
  // `report` throws (of all functions only this one passes on std::bad_alloc); that finding is
  // reported again if the datagram is checked again.
  void Check(const Dgram& dgram);
  // Checks the next batch of `reader`, which must have been opened with ForVerifying. False at the
  // end, or at a fault past which nothing can be read. Fails where the reader fails for another
  // reason than malformed data.
  Result<bool> CheckBatch(BatchReader& reader);
  // All batches.
  Status CheckAll(BatchReader& reader);

  const VerifyTotals& totals() const { return totals_; }

 private:
  friend class internal::DgramCheck;

  // A declaration in force; without `names` where it is malformed.
  struct Declared {
    std::optional<Names> names;
    int64_t order = 0;      // position among the declarations in force
    bool remarked = false;  // a remark said that such data cannot be checked
  };
  using Declarations = std::unordered_map<uint32_t, Declared>;
  // The data that are the records of small data, and their fields.
  struct Records {
    bool declared = false;
    uint32_t key = 0;
    std::array<int, 2> fields = {};  // indices of offset and size
  };
  // What is known of the source up to some datagram, apart from its declarations.
  struct State {
    bool configured = false;
    bool any = false;
    bool unconfigured_said = false;
    // Whether the last Configure is marked Corrupted, and whether that was reported for data.
    bool hidden = false;
    bool hidden_said = false;
    Timestamp last;
    Records records;
  };

  void Declare(const Configuration& configuration);
  // Sets the declarations for a datagram that no Configure of the source precedes.
  void DeclareFor(const Dgram& dgram);
  // The latest chunk that the source has announced.
  struct Announced {
    uint32_t id = 0;
    std::string file;
  };

  static Records FindRecords(const Declarations& declared);
  void Add(const Finding& finding);
  // Adds a finding of the datagram under check, unless it went out before the check was
  // interrupted.
  void AddOnce(const Finding& finding);
  // Adds a fault where the reader stands and cannot go on.
  void AddAtEnd(const BatchReader& reader, std::string text);

  const std::string source_;
  const Report report_;
  Declarations declared_;
  State state_;
  // Used until a Configure comes; and the one of them that is in `declared_`, null where none is.
  std::shared_ptr<const ConfigurationHistory> history_;
  std::shared_ptr<const Configuration> of_history_;
  std::optional<Announced> announced_;
  VerifyTotals totals_;
  // For a datagram whose check was interrupted: its start and index, how many of its findings went
  // out, and how many of these the repeated check has still to skip.
  std::pair<int64_t, int64_t> interrupted_ = {-1, -1};
  int64_t told_ = 0;
  int64_t to_skip_ = 0;
  // The rest of the batch under check.
  DgramBatch batch_;
  DgramIterator next_;
};

}  // namespace alkaid::dgram
