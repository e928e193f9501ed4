// What does a reservation save a collector that grows? Replays the events of
// fixtures/event_replay.h without, with a fixed and with an advised reservation.
//
//   reservation_bench            times, against the same events without a reservation; and whether
//                                a process neither reallocates nor grows after its first event
//   reservation_bench --table    the totals of each process
//   reservation_bench --events   the same for each event
//
// Memory is measured in a separate process for each row, since a process's address space depends on
// everything that it did before. An advised row begins with the file that a process with the same
// events and without a reservation has left (ALKAID_RESERVATIONS).

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/core/pools/memory_pool.h"
#include "alkaid/growth/memory_stamp.h"
#include "alkaid/growth/reservation_advisor.h"
#include "benchmark_program.h"
#include "fixtures/event_replay.h"
#include "raw_allocator.h"

namespace alkaid::bench {
namespace {

using growth::EventEnd;
using growth::EventSeries;
using growth::ReplayedEvent;

enum class Kind { kNone, kFixed, kAdvised };

struct Row {
  std::string backend;
  EventSeries series;
  EventEnd end = EventEnd::kClear;
  Kind kind = Kind::kNone;
  // glibc maps each large block by itself, as in other processes until they free their first one.
  bool maps = false;
};

constexpr char kMapping[] = "GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072";

const char* NameOf(Kind kind) {
  return kind == Kind::kNone ? "none" : kind == Kind::kFixed ? "fixed" : "advised";
}
const char* NameOf(EventEnd end) { return end == EventEnd::kClear ? "clear" : "reset"; }

class TemporaryFile {
 public:
  TemporaryFile() {
    std::string name = std::filesystem::temp_directory_path() / "alkaid-reservations-XXXXXX";
    Require(mkdtemp(name.data()) != nullptr, "no temporary folder");
    folder_ = name;
  }
  ~TemporaryFile() { std::filesystem::remove_all(folder_); }
  std::string path() const { return folder_ / "reservations"; }

 private:
  std::filesystem::path folder_;
};

// The child: --row SERIES RESERVATION END BACKEND.
int ReplayRow(char** arguments) {
  for (const EventSeries& series : growth::ReportedSeries()) {
    if (series.name != arguments[0]) continue;
    const EventEnd end = *arguments[2] == 'c' ? EventEnd::kClear : EventEnd::kReset;
    const auto events = Value(
        growth::ReplayEvents(series.items, std::atol(arguments[1]), end, arguments[3]), "replay");
    for (const ReplayedEvent& event : events) {
      std::printf("%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", event.items,
                  event.held.vm, event.held.rss, event.reallocations, event.bytes_copied);
    }
    return 0;
  }
  return 1;
}

// Runs a command in a shell; all parts of it come from this program.
std::string Output(const std::string& command) {
  FILE* const pipe = popen(command.c_str(), "r");
  Require(pipe != nullptr, "no process for: " + command);
  std::string text;
  char chunk[4096];
  for (size_t n; (n = fread(chunk, 1, sizeof(chunk), pipe)) > 0;) text.append(chunk, n);
  Require(pclose(pipe) == 0, "failed: " + command);
  return text;
}

std::vector<ReplayedEvent> InAProcessOfItsOwn(const Row& row, const std::string& file) {
  static const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  std::ostringstream command;
  command << "env " << internal::kDefaultMemoryPoolVariable << "=" << row.backend << " "
          << internal::kReservationsVariable << "='" << file << "' "
          << (row.maps ? kMapping : "GLIBC_TUNABLES=") << " '" << self << "' --row "
          << row.series.name << " " << (row.kind == Kind::kFixed ? row.series.most() : 0) << " "
          << NameOf(row.end) << " " << row.backend;
  std::istringstream text(Output(command.str()));
  std::vector<ReplayedEvent> events;
  ReplayedEvent event;
  while (text >> event.items >> event.held.vm >> event.held.rss >> event.reallocations >>
         event.bytes_copied) {
    events.push_back(event);
  }
  Require(events.size() == row.series.items.size(), "a row has no events: " + command.str());
  return events;
}

std::vector<ReplayedEvent> Measure(Row row) {
  if (row.kind != Kind::kAdvised) return InAProcessOfItsOwn(row, "");
  const TemporaryFile file;
  row.kind = Kind::kNone;
  InAProcessOfItsOwn(row, file.path());
  return InAProcessOfItsOwn(row, file.path());
}

std::vector<Row> AllRows() {
  std::vector<Row> rows;
  for (const EventSeries& series : growth::ReportedSeries()) {
    for (const EventEnd end : {EventEnd::kClear, EventEnd::kReset}) {
      for (const std::string& backend : SupportedMemoryBackendNames()) {
        for (const Kind kind : {Kind::kNone, Kind::kFixed, Kind::kAdvised}) {
          rows.push_back({backend, series, end, kind});
        }
        if (backend != "system" || end != EventEnd::kReset) continue;
        for (const Kind kind : {Kind::kNone, Kind::kFixed, Kind::kAdvised}) {
          rows.push_back({backend, series, end, kind, /*maps=*/true});
        }
      }
    }
  }
  return rows;
}

std::string BackendOf(const Row& row) { return row.backend + (row.maps ? " *" : ""); }

double Mb(int64_t bytes) { return static_cast<double>(bytes) / growth::kBytesPerMb; }

int PrintTable() {
  std::printf(
      "MB of 1,000,000 bytes; growth is the most of any later event less the first's.\n"
      "* with %s\n\n",
      kMapping);
  std::printf("%-7s %-6s %-9s %-12s %10s %10s %8s %10s %8s %10s\n", "events", "end", "backend",
              "reservation", "realloc.", "copied MB", "VM MB", "VM growth", "RSS MB", "RSS growth");
  for (const Row& row : AllRows()) {
    const auto events = Measure(row);
    const growth::ReplayTotals totals = growth::Total(events);
    std::printf("%-7s %-6s %-9s %-12s %10" PRId64 " %10.3f %8.2f %10.3f %8.2f %10.3f\n",
                row.series.name.c_str(), NameOf(row.end), BackendOf(row).c_str(), NameOf(row.kind),
                totals.reallocations, Mb(totals.bytes_copied), Mb(events.front().held.vm),
                Mb(totals.vm_growth), Mb(events.front().held.rss), Mb(totals.rss_growth));
  }
  return 0;
}

int PrintEvents() {
  for (const Row& row : AllRows()) {
    std::printf("%s, %s, %s, %s\n", row.series.name.c_str(), NameOf(row.end),
                BackendOf(row).c_str(), NameOf(row.kind));
    std::printf("%5s %8s %10s %10s %10s %8s\n", "event", "items", "realloc.", "copied MB", "VM MB",
                "RSS MB");
    int number = 0;
    for (const ReplayedEvent& event : Measure(row)) {
      std::printf("%5d %8" PRId64 " %10" PRId64 " %10.3f %10.2f %8.2f\n", number++, event.items,
                  event.reallocations, Mb(event.bytes_copied), Mb(event.held.vm),
                  Mb(event.held.rss));
    }
  }
  return 0;
}

void Build(MemoryPool* pool, const EventSeries& series, EventEnd end, int64_t reservation,
           int64_t times) {
  static const Label label = Label::Intern("genstep");
  const float item[growth::kItemFloats] = {};
  for (int64_t i = 0; i < times; ++i) {
    TypedBufferBuilder<float> builder(pool);
    builder.bytes_builder()->SetLabel(label);
    RequireOk(builder.SetReservation(reservation * growth::kItemFloats), "reserve");
    for (const int64_t count : series.items) {
      for (int64_t n = 0; n < count; ++n) {
        if (!builder.Append(item, growth::kItemFloats).ok()) [[unlikely]]
          std::abort();
      }
      benchmark::DoNotOptimize(builder.data());
      end == EventEnd::kClear ? builder.bytes_builder()->Rewind(0) : builder.Reset();
    }
  }
}

void RegisterRow(const Row& row) {
  MemoryPool* const pool = PoolOver(row.backend);
  const EventSeries& series = row.series;
  const auto advisor = std::make_shared<growth::ReservationAdvisor>();
  advisor->Learn(Label::Intern("genstep"), series.most() * growth::kItemBytes);
  const auto totals = std::make_shared<std::optional<growth::ReplayTotals>>();
  int64_t items = 0;
  for (const int64_t count : series.items) items += count;
  const bool advised = row.kind == Kind::kAdvised;
  // Memory that was freed to the C library's heap is not always reused: docs/reservations.md.
  std::vector<Bar> bars = {Bar::None(), Bar::Count("reallocations", 0)};
  if (row.end == EventEnd::kClear || row.backend != "system") {
    bars.push_back(Bar::Count("vm_growth_bytes", 0));
  }
  Register({.name = "replay/" + series.name + "/" + NameOf(row.kind) + "/" + NameOf(row.end) + "/" +
                    row.backend,
            .question = std::string("Events of a collector, reservation ") + NameOf(row.kind) +
                        ", beside none",
            .variant = series.name + ", " + NameOf(row.end) + ", " + row.backend,
            .measured =
                [=](int64_t times) {
                  if (advised) advisor->Install();
                  Build(pool, series, row.end, advised ? 0 : series.most(), times);
                  advisor->Uninstall();
                },
            .floor = [=](int64_t times) { Build(pool, series, row.end, 0, times); },
            .bars = bars,
            .items = items,
            .after =
                [row, totals](int64_t, benchmark::UserCounters* counters) {
                  // Once for all repetitions, since it is deterministic.
                  if (!*totals) *totals = growth::Total(Measure(row));
                  (*counters)["reallocations"] = static_cast<double>((*totals)->reallocations);
                  (*counters)["vm_growth_bytes"] = static_cast<double>((*totals)->vm_growth);
                }});
}

}  // namespace
}  // namespace alkaid::bench

int main(int argc, char** argv) {
  using namespace alkaid::bench;
  const std::string first = argc > 1 ? argv[1] : "";
  if (first == "--row" && argc == 6) return ReplayRow(argv + 2);
  if (first == "--table" && argc == 2) return PrintTable();
  if (first == "--events" && argc == 2) return PrintEvents();
  for (const Row& row : AllRows()) {
    if (row.kind != Kind::kNone && !row.maps) RegisterRow(row);
  }
  return RunBenchmarks(argc, argv);
}
