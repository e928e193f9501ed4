#include "alkaid/growth/reservation_advisor.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <new>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/files/durable_file.h"
#include "alkaid/core/files/file_io.h"

namespace alkaid::growth {
namespace {

// Held for one table look-up, so one lock serves all advisors; and only a lock of static lifetime
// can be guarded against forks.
internal::ForkGuarded<std::mutex>& TheLock() {
  static auto* const lock = new internal::ForkGuarded<std::mutex>;
  return *lock;
}

// See first_made.h.
[[gnu::constructor]] void MakeAtLoad() { TheLock(); }

constexpr std::string_view kFirstLine = "alkaid-reservations 1";
constexpr std::string_view kComment =
    "# since, before: most bytes held by the latest `ends` builders of the label, and those before";
constexpr int64_t kMaxFileBytes = int64_t{64} << 20;

ReservationOptions InRange(ReservationOptions options) {
  // A headroom of NaN counts as none.
  options.headroom = options.headroom > 0 ? std::min(options.headroom, 10.0) : 0;
  options.most_bytes = std::max<int64_t>(options.most_bytes, 0);
  options.remember = std::max<int64_t>(options.remember, 1);
  return options;
}

// A label takes the rest of its line.
std::string Escaped(const std::string& label) {
  std::string text;
  for (const char c : label) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else {
      text += c;
    }
  }
  return text;
}

bool Unescape(std::string_view text, std::string* label) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      *label += text[i];
      continue;
    }
    if (++i == text.size() || (text[i] != '\\' && text[i] != 'n')) return false;
    *label += text[i] == 'n' ? '\n' : '\\';
  }
  return true;
}

bool Take(std::string_view* text, std::string_view word) {
  if (!text->starts_with(word)) return false;
  text->remove_prefix(word.size());
  return true;
}

bool TakeNumber(std::string_view* text, int64_t* number) {
  *number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (error != std::errc() || *number < 0) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

std::string_view NameOf(uint32_t label) {
  return internal::AllLabelNames().names[label].load(std::memory_order_acquire);
}

}  // namespace

void ReservationAdvisor::Marks::Add(const Marks& other) {
  since = std::max(since, other.since);
  before = std::max(before, other.before);
  ends = std::max(ends, other.ends);
}

ReservationAdvisor::ReservationAdvisor(const ReservationOptions& options)
    : options_(InRange(options)) {}

ReservationAdvisor::~ReservationAdvisor() { Uninstall(); }

void ReservationAdvisor::Install() { AddBuilderObserver(this); }
void ReservationAdvisor::Uninstall() noexcept { RemoveBuilderObserver(this); }

bool ReservationAdvisor::Watches(Label label) const {
  return label ? label != overflow_ : options_.unlabelled;
}

void ReservationAdvisor::Learn(Label label, int64_t high_water) {
  if (!Watches(label) || high_water < 0) return;
  const std::lock_guard guard(TheLock());
  const auto [known, fresh] = marks_.try_emplace(label.id());
  Marks& marks = known->second;
  if (fresh) {
    if (const auto loaded = loaded_.find(std::string_view(label.name())); loaded != loaded_.end()) {
      marks = loaded->second;
      loaded_.erase(loaded);
    }
  }
  ++builders_;
  marks.since = std::max(marks.since, high_water);
  if (++marks.ends < options_.remember) return;
  marks = {.since = 0, .before = marks.since, .ends = 0};
}

int64_t ReservationAdvisor::AdviceFor(const Marks& marks) const {
  const int64_t mark = std::max(marks.since, marks.before);
  if (mark >= options_.most_bytes) return options_.most_bytes;
  const double more = static_cast<double>(mark) * options_.headroom;
  if (more >= static_cast<double>(options_.most_bytes - mark)) return options_.most_bytes;
  return mark + static_cast<int64_t>(more);
}

int64_t ReservationAdvisor::Suggest(Label label) const {
  if (!Watches(label)) return 0;
  const std::lock_guard guard(TheLock());
  const auto known = marks_.find(label.id());
  if (known != marks_.end()) return AdviceFor(known->second);
  const auto loaded = loaded_.find(std::string_view(label.name()));
  return loaded == loaded_.end() ? 0 : AdviceFor(loaded->second);
}

ReservationAdvisor::NamedMarks ReservationAdvisor::AllMarks() const {
  std::vector<std::pair<uint32_t, Marks>> copies;
  NamedMarks all;
  {
    const std::lock_guard guard(TheLock());
    copies.assign(marks_.begin(), marks_.end());
    all.assign(loaded_.begin(), loaded_.end());
  }
  for (const auto& [id, marks] : copies) all.emplace_back(NameOf(id), marks);
  std::ranges::sort(all, {}, &std::pair<std::string, Marks>::first);
  return all;
}

std::vector<LearntReservation> ReservationAdvisor::Learnt() const {
  std::vector<LearntReservation> learnt;
  for (const auto& [label, marks] : AllMarks()) {
    learnt.push_back({label, std::max(marks.since, marks.before), AdviceFor(marks)});
  }
  return learnt;
}

int64_t ReservationAdvisor::builders() const {
  const std::lock_guard guard(TheLock());
  return builders_;
}

void ReservationAdvisor::OnEnd(const BuilderEnd& end) try {
  Learn(end.label, end.high_water);
} catch (const std::bad_alloc&) {
}

Status ReservationAdvisor::Save(const std::string& path) const try {
  std::string text = absl::StrCat(std::string(kFirstLine), "\n", std::string(kComment), "\n");
  const NamedMarks all = AllMarks();
  for (const auto& [label, marks] : all) {
    absl::StrAppend(&text, "since=", marks.since, " before=", marks.before, " ends=", marks.ends,
                    " label=", Escaped(label), "\n");
  }
  absl::StrAppend(&text, "end ", all.size(), "\n");
  ALKAID_ASSIGN_OR_RAISE(const auto file, io::DurableFileOutputStream::Open(path));
  ALKAID_RETURN_NOT_OK(file->Write(text.data(), static_cast<int64_t>(text.size())));
  return file->Close();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status ReservationAdvisor::Load(const std::string& path) try {
  ALKAID_ASSIGN_OR_RAISE(const std::string text,
                         io::ReadWholeFileAsString(path, kMaxFileBytes, "a file of reservations"));
  NamedMarks all;
  ALKAID_RETURN_NOT_OK(Parse(path, text, &all));
  // By label, so that the next step needs no memory and adds all or nothing.
  decltype(loaded_) fresh;
  for (auto& [name, marks] : all) {
    // Any larger count would also make the next builder begin a new mark.
    marks.ends = std::min(marks.ends, options_.remember - 1);
    if (name != Label::kOverflowName) fresh[std::move(name)].Add(marks);
  }
  const std::lock_guard guard(TheLock());
  for (auto& [id, marks] : marks_) {
    const auto there = fresh.find(NameOf(id));
    if (there == fresh.end()) continue;
    marks.Add(there->second);
    fresh.erase(there);
  }
  for (auto& [name, marks] : loaded_) {
    if (const auto there = fresh.find(name); there != fresh.end()) marks.Add(there->second);
  }
  loaded_.merge(fresh);
  return absl::OkStatus();
} catch (const std::bad_alloc&) {
  return status::NoMemory();
}

Status ReservationAdvisor::Parse(const std::string& path, std::string_view text, NamedMarks* all) {
  int64_t number = 0;
  const auto refuse = [&](const char* expected, std::string_view found) {
    const bool other_ends = number == 1 && found.ends_with('\r');
    return status::DataLoss(path, ": line ", number, ": ", expected, " expected, found \"",
                            internal::Printable(found.substr(0, 80)), "\"",
                            other_ends ? "; lines must end with a line feed alone, not with a "
                                         "carriage return (CRLF) before it"
                                       : "");
  };
  if (text.empty()) return absl::OkStatus();  // mktemp leaves an empty file
  bool ended = false;
  while (!text.empty()) {
    ++number;
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return refuse("a whole line", text);
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    std::string_view left = line;
    if (number == 1) {
      if (line != kFirstLine) return refuse("\"alkaid-reservations 1\"", line);
    } else if (ended) {
      return refuse("nothing after the end", line);
    } else if (Take(&left, "end ")) {
      int64_t count;
      if (!TakeNumber(&left, &count) || !left.empty() ||
          count != static_cast<int64_t>(all->size())) {
        return refuse("\"end\" and the number of labels", line);
      }
      ended = true;
    } else if (!line.starts_with('#')) {
      std::string label;
      Marks marks;
      if (!Take(&left, "since=") || !TakeNumber(&left, &marks.since) || !Take(&left, " before=") ||
          !TakeNumber(&left, &marks.before) || !Take(&left, " ends=") ||
          !TakeNumber(&left, &marks.ends) || !Take(&left, " label=") || !Unescape(left, &label)) {
        return refuse("since=, before=, ends= with numbers from 0, and label=", line);
      }
      label.resize(std::min(label.size(), label.find('\0')));  // as Label does
      all->emplace_back(std::move(label), marks);
    }
  }
  ++number;
  return ended ? absl::OkStatus() : refuse("\"end\" and the number of labels", "");
}

}  // namespace alkaid::growth
