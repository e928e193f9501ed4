// ReservationAdvisor: learns from finished builders how much to reserve for the next.
//
//   growth::ReservationAdvisor advisor;
//   advisor.Install();   // from here on labelled builders are watched and advised
//
// For each label it keeps the most bytes that a builder held, and advises that and a quarter more.
// The last size alone would not do: a reservation that follows the events one by one is too small
// for each event that is larger than the one before, and reallocates as if there were none.
//
// One giant among small builders counts, since another will come: its size is advised for at least
// `remember` further builders of its label, and forgotten once at most twice as many have stayed
// below. Until then each live builder of the label may have as much capacity as the giant. That is
// address space: pages count as memory once they are written, so a reservation that is not filled
// costs none; but Finish(false) and builders of bits write zeros to all of it. No builder is
// advised more than `most_bytes`.
//
// Builders without a label are not advised: one mark for all of them would give the smallest what
// the largest needs. `unlabelled` is for programs that build one kind of thing. Builders of
// Label::kOverflowName are not advised either, since they share it with all labels that came too
// late.
//
// It learns when the contents of a builder end (builder_events.h). A builder that is rewound from
// one event to the next counts once, with the most that it held; one that still exists when the
// process ends does not count.
//
// A file of what was learnt lets the next run start from it:
//
//   alkaid-reservations 1
//   # since, before: most bytes held by the latest `ends` builders of the label, and those before
//   since=28800000 before=0 ends=10 label=genstep
//   end 1
//
// With ALKAID_RESERVATIONS=FILE in the environment the library does all this by itself. It installs
// an advisor when it is loaded, loads the file if there is one, and writes it when the process ends
// by exit or by return from main, if any builder was watched; not when it ends by _exit, a signal,
// abort or exec. What a forked child learns is not written. Of several processes with one file the
// last to end determines its contents.
//
// Ownership: the library borrows an advisor from Install to Uninstall, or to its destruction.
// Threads: any, but Install, Uninstall and destruction from one at a time, and not from inside a
// builder's observer. After a fork the child can use it. Out of memory: nothing is learnt from that
// builder; Save and Load return kResourceExhausted; Uninstall and destruction need no memory;
// Install, Learn, Learnt and the constructor throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "alkaid/base/export.h"
#include "alkaid/base/status.h"
#include "alkaid/core/observers/builder_events.h"
#include "alkaid/core/observers/label.h"

namespace alkaid::growth {

struct ReservationOptions {
  // Advised on top of the most that was held, as a share of it; from 0 to 10.
  double headroom = 0.25;
  // The most that any builder is advised; from 0.
  int64_t most_bytes = int64_t{1} << 30;
  // The least number of builders of a label that a mark outlives; from 1.
  int64_t remember = 500;
  bool unlabelled = false;
};

// What was learnt for one label. Bytes.
struct LearntReservation {
  std::string label;
  int64_t high_water = 0;  // the mark in force
  int64_t advice = 0;
};

class ALKAID_EXPORT ReservationAdvisor final : public BuilderObserver {
 public:
  // Options outside their range are clamped.
  explicit ReservationAdvisor(const ReservationOptions& options = {});
  ~ReservationAdvisor() override;
  ReservationAdvisor(const ReservationAdvisor&) = delete;
  ReservationAdvisor& operator=(const ReservationAdvisor&) = delete;

  // Watches and advises all builders of the process. Calling it again changes nothing.
  void Install();
  void Uninstall() noexcept;

  // Records that a builder of this label is finished and held at most this many bytes.
  void Learn(Label label, int64_t high_water);
  // Bytes to reserve for the next builder; 0 where nothing is known.
  int64_t Suggest(Label label) const;
  // Everything that was learnt, sorted by label name.
  std::vector<LearntReservation> Learnt() const;
  // The number of builders it learnt from; loaded ones do not count.
  int64_t builders() const;

  // Writes the whole file or none (core/files/durable_file.h). Errors: as errno maps, with the
  // path.
  Status Save(const std::string& path) const;
  // Adds the marks of a file; of two marks the higher counts. An empty file adds nothing. Does not
  // make the file's labels (core/observers/label.h) before the program does. All or nothing is
  // added. Errors:
  //   - kNotFound where there is no file; as errno maps where it cannot be read
  //   - kInvalidArgument, before it is read, where it is no regular file or has more than 64 MiB
  //   - kDataLoss, with the line, where it is not such a file
  Status Load(const std::string& path);

  // BuilderObserver: called by the library once installed.
  void OnEnd(const BuilderEnd& end) override;
  int64_t Advise(Label label) override { return Suggest(label); }

 private:
  // The most that the latest `ends` builders held, and the most of the `remember` before these.
  struct Marks {
    int64_t since = 0;
    int64_t before = 0;
    int64_t ends = 0;  // always below `remember`

    void Add(const Marks& other);
  };
  using NamedMarks = std::vector<std::pair<std::string, Marks>>;
  // Adds the marks in the text of a file to `all`.
  static Status Parse(const std::string& path, std::string_view text, NamedMarks* all);
  // Sorted by name.
  NamedMarks AllMarks() const;
  bool Watches(Label label) const;
  int64_t AdviceFor(const Marks& marks) const;

  const ReservationOptions options_;
  const Label overflow_ = Label::Intern(Label::kOverflowName);
  // Guarded by the one lock of all advisors, which a fork leaves free in the child.
  std::unordered_map<uint32_t, Marks> marks_;
  // Loaded marks of labels that no builder has had yet; not among marks_.
  std::map<std::string, Marks, std::less<>> loaded_;
  int64_t builders_ = 0;
};

}  // namespace alkaid::growth
