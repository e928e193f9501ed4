// ReservationAdvisor: learns from finished builders how much to reserve for the next.
//
//   growth::ReservationAdvisor advisor;
//   advisor.Install();   // from here on builders with a label are watched, and advised
//
// For each label it keeps the most bytes that a builder held, and advises that and a quarter more.
// Not the last size: a reservation that follows the events one by one is too small for each event
// that is larger than the one before, and reallocates as if there were none.
//
// One giant among small ones counts, since another will come: what it held is advised for at least
// `remember` further builders of its label, and forgotten when at most twice as many have stayed
// below. Until then each live builder of the label may have as much capacity as the giant. That is
// address space: pages count as memory once they are written, so what is reserved and not filled
// costs none; but Finish(false) and builders of bits write zeros to all of it. No builder is
// advised more than `most_bytes`.
//
// Builders without a label are left alone: one mark for all of them would give the smallest what
// the largest needs. `unlabelled` is for programs that build one kind of thing. So are builders of
// Label::kOverflowName, under which all labels go that came too late.
//
// It learns when the contents of a builder are over (builder_events.h). A builder that is rewound
// from one event to the next counts once, with the most that it held; one that is still there when
// the process ends does not count.
//
// A file of what was learnt lets the next run begin with it:
//
//   alkaid-reservations 1
//   # since, before: most bytes held by the latest `ends` builders of the label, and those before
//   since=28800000 before=0 ends=10 label=genstep
//   end 1
//
// With ALKAID_RESERVATIONS=FILE in the environment the library does all this by itself: an advisor
// is installed when it is loaded, knows what the file says if there is one, and writes it when the
// process ends by exit or by return from main, if any builder was watched: not by _exit, a signal,
// abort or exec. What a forked child learns is not written. Of several processes with one file the
// last to end writes it.
//
// Ownership: the library borrows an advisor from Install to Uninstall, or to its end. Threads: any,
// but Install, Uninstall and the end from one at a time, and not from inside a builder's observer.
// A fork leaves it usable in the child. Out of memory: a builder from which nothing could be learnt
// is one less; Save and Load say kResourceExhausted; Uninstall and the end need none; Install,
// Learn, Learnt and making one throw std::bad_alloc.
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
  // What is advised more than was ever held, as a share of it; from 0 to 10.
  double headroom = 0.25;
  // No builder is advised more; from 0.
  int64_t most_bytes = int64_t{1} << 30;
  // How many builders of a label a mark outlives at least; from 1.
  int64_t remember = 500;
  bool unlabelled = false;
};

// Of one label. Bytes.
struct LearntReservation {
  std::string label;
  int64_t high_water = 0;  // the mark that counts
  int64_t advice = 0;
};

class ALKAID_EXPORT ReservationAdvisor final : public BuilderObserver {
 public:
  // Options outside their range are taken as the nearest inside.
  explicit ReservationAdvisor(const ReservationOptions& options = {});
  ~ReservationAdvisor() override;
  ReservationAdvisor(const ReservationAdvisor&) = delete;
  ReservationAdvisor& operator=(const ReservationAdvisor&) = delete;

  // Watches and advises all builders of the process; once is enough.
  void Install();
  void Uninstall() noexcept;

  // A builder of this label held so many bytes at most, and is finished.
  void Learn(Label label, int64_t high_water);
  // What to reserve for the next, in bytes; 0 where nothing is known.
  int64_t Suggest(Label label) const;
  // Everything that was learnt, by the name of the label.
  std::vector<LearntReservation> Learnt() const;
  // How many builders were learnt from; what was loaded does not count.
  int64_t builders() const;

  // Whole or not at all (core/files/durable_file.h). Errors: as errno maps, with the path.
  Status Save(const std::string& path) const;
  // Adds what the file says to what is known: of two marks the higher counts. An empty file says
  // nothing. Its labels are not made (core/observers/label.h) until the program does. kNotFound
  // where there is no file, as errno maps where it cannot be read; kInvalidArgument where it is no
  // regular file or has more than 64 MiB, before it is read; kDataLoss, with the line, where it is
  // not such a file: then nothing of it is added.
  Status Load(const std::string& path);

  // What the library calls once installed.
  void OnEnd(const BuilderEnd& end) override;
  int64_t Advise(Label label) override { return Suggest(label); }

 private:
  // What the latest `ends` builders held at most, and the `remember` before these.
  struct Marks {
    int64_t since = 0;
    int64_t before = 0;
    int64_t ends = 0;  // always below `remember`

    void Add(const Marks& other);
  };
  using NamedMarks = std::vector<std::pair<std::string, Marks>>;
  // Adds to `all` what the text of a file says.
  static Status Parse(const std::string& path, std::string_view text, NamedMarks* all);
  // Sorted by name.
  NamedMarks AllMarks() const;
  bool Watches(Label label) const;
  int64_t AdviceFor(const Marks& marks) const;

  const ReservationOptions options_;
  const Label overflow_ = Label::Intern(Label::kOverflowName);
  // Guarded by the one lock of all advisors, which a fork leaves free in the child.
  std::unordered_map<uint32_t, Marks> marks_;
  // What was loaded of labels that no builder has had yet: in none of the marks above.
  std::map<std::string, Marks, std::less<>> loaded_;
  int64_t builders_ = 0;
};

}  // namespace alkaid::growth
