// Verifier: everything that is wrong with a file of datagrams, not only the first of it.
//
// A reader stops at the first fault; this goes on. Each declaration and each detector's data are
// judged on their own, so a fault in one does not hide the next. Where a chain of extents breaks,
// the rest of the Xtc around is lost, and the finding says how many bytes that is; where a
// datagram's own extent is wrong, the rest of the file.
//
//   Verifier verifier("run.xtc2", [](const Finding& finding) { Use(finding.ToString()); });
//   ALKAID_ASSIGN_OR_RAISE(auto reader, BatchReader::Open("run.xtc2", ForVerifying()));
//   ALKAID_RETURN_NOT_OK(verifier.CheckAll(*reader));
//
// A fault is what a reader refuses: malformed structure, which XTC2, section 6, lists; data whose
// declarations are under the mark Corrupted; in small data a record that cannot be true, or none; an
// announced chunk that is no file in the same folder, or one that no reader comes to, as the source
// announced a later one before. A source has a fault if, and only if, a reader of datagrams, of
// fields, of records or of announced chunks refuses a part of it.
//
// A remark is sound, and unusual: damage; a NamesId declared twice, of which the last counts; a
// service that means nothing; time going backwards, or of no second; Xtcs of unknown type, data of
// one NamesId twice in a datagram, fields of one name, enumerations that cannot be told, text
// without a NUL, bytes that belong to nothing.
//
// Ownership: a Verifier keeps copies of the declarations in force, and no datagram. Findings go out
// as they come: what is held does not grow with the datagram.
// Threads: one at a time. Out of memory: CheckBatch and CheckAll say kResourceExhausted, also where
// the reader or the report has none; Check, which answers with no status, throws std::bad_alloc.
// Each may be called again: Check for the same datagram, whose findings that went out already are
// not repeated, and CheckBatch and CheckAll to go on. A datagram that was not checked to its end
// counts for nothing but its findings.
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

struct ALKAID_EXPORT Finding {
  enum class Kind { kFault, kRemark };

  Kind kind = Kind::kFault;
  std::string source;
  // Where it stands, and where its datagram starts, in bytes from the start of the source.
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
  // What stands behind a datagram whose own extent is wrong.
  int64_t bytes_not_reached = 0;
};

// The options of a reader whose file is to be verified: `options`, but it delivers whatever has a
// sound header.
ALKAID_EXPORT BatchReaderOptions ForVerifying(BatchReaderOptions options = {});

class ALKAID_EXPORT Verifier {
 public:
  // Called with every finding, datagram by datagram; inside a datagram in order of bytes.
  using Report = std::function<void(const Finding&)>;

  // `source` is what findings call it. `configuration` declares the fields until a Configure comes,
  // for files that continue another; null: a Configure must come first.
  Verifier(std::string source, Report report,
           std::shared_ptr<const Configuration> configuration = nullptr);
  // The same where the other file may have several Configures: those of `history` count by time. A
  // datagram of no known Configuration is a fault.
  Verifier(std::string source, Report report, std::shared_ptr<const ConfigurationHistory> history);
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  // The next datagram of the source. Its own Configuration does not matter. What `report` throws is
  // passed on, std::bad_alloc by this function alone, and that finding goes out once more, should
  // the datagram be checked again.
  void Check(const Dgram& dgram);
  // The next batch of `reader`, which must have been opened with ForVerifying. False at the end, or
  // at a fault behind which nothing can be read. Fails where the reader does for another reason
  // than malformed data.
  Result<bool> CheckBatch(BatchReader& reader);
  // All batches.
  Status CheckAll(BatchReader& reader);

  const VerifyTotals& totals() const { return totals_; }

 private:
  class DgramCheck;

  // A declaration in force; without `names` where it is malformed.
  struct Declared {
    std::optional<Names> names;
    int64_t order = 0;      // among the declarations in force
    bool remarked = false;  // it was said that such data cannot be checked
  };
  using Declarations = std::unordered_map<uint32_t, Declared>;
  // Which of the data are the records of small data, and their fields.
  struct Records {
    bool declared = false;
    uint32_t key = 0;
    std::array<int, 2> fields = {};  // of offset and size
  };
  // What is known of the source up to some datagram, but for its declarations.
  struct State {
    bool configured = false;
    bool any = false;
    bool unconfigured_said = false;
    // Whether the last Configure is marked Corrupted, and whether that was said of data.
    bool hidden = false;
    bool hidden_said = false;
    Timestamp last;
    Records records;
  };

  void Declare(const Configuration& configuration);
  // Before a datagram is checked that no Configure of the source counts for.
  void DeclareFor(const Dgram& dgram);
  // The latest chunk that the source announced.
  struct Announced {
    uint32_t id = 0;
    std::string file;
  };

  static Records FindRecords(const Declarations& declared);
  void Add(const Finding& finding);
  // A finding of the datagram under check; not one that went out before the check was interrupted.
  void AddOnce(const Finding& finding);
  // A fault where the reader stands and cannot go on.
  void AddAtEnd(const BatchReader& reader, std::string text);

  const std::string source_;
  const Report report_;
  Declarations declared_;
  State state_;
  // Until a Configure comes; and what of it is in `declared_`, null where nothing is.
  std::shared_ptr<const ConfigurationHistory> history_;
  std::shared_ptr<const Configuration> of_history_;
  std::optional<Announced> announced_;
  VerifyTotals totals_;
  // Of a datagram whose check was interrupted: where it starts and which it is, how many findings
  // of it went out, and how many of these the check that is under way has still to pass.
  std::pair<int64_t, int64_t> interrupted_ = {-1, -1};
  int64_t told_ = 0;
  int64_t to_skip_ = 0;
  // What is left of the batch under check.
  DgramBatch batch_;
  DgramIterator next_;
};

}  // namespace alkaid::dgram
