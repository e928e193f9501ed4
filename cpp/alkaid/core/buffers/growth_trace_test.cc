// ALKAID_TRACE_GROWTH is read when the library is loaded, so each case is a process of its own.

#include <cstdio>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "alkaid/core/buffers/buffer_builder.h"
#include "fixtures/child_process.h"

namespace {

using alkaid::internal::ChildResult;

// Builds as a collector of hits does: items of 24 floats, one by one.
int Build() {
  alkaid::TypedBufferBuilder<float> builder;
  builder.bytes_builder()->SetLabel(alkaid::Label::Intern("genstep"));
  const float item[24] = {};
  for (int i = 0; i < 100; ++i) {
    if (!builder.Append(item, 24).ok()) return 1;
  }
  builder.Reset();
  if (!builder.SetReservation(240000).ok() || !builder.Append(item, 24).ok()) return 1;
  alkaid::BufferBuilder unlabelled;
  return unlabelled.Resize(64).ok() ? 0 : 1;
}

int BuildWithStrangeLabels() {
  const std::string kLong(1000, '\n');
  for (const std::string& label : {std::string("two\nlines\x1b[2J"), kLong}) {
    alkaid::BufferBuilder builder;
    builder.SetLabel(alkaid::Label::Intern(label));
    if (!builder.Append("x").ok()) return 1;
  }
  return 0;
}

int failures = 0;

void Expect(bool condition, const char* what, const ChildResult& child) {
  if (condition) return;
  ++failures;
  std::fprintf(stderr, "FAILED: %s; the child wrote\n%s", what, child.err.c_str());
}

void EachGrowthIsALine() {
  const ChildResult child = alkaid::internal::RunSelf({"build"}, {{"ALKAID_TRACE_GROWTH", "1"}});
  Expect(child.ExitedWith(0), "the traced child ends well", child);
  const std::regex line(
      "alkaid: BufferBuilder growth label (\\S+) base_ptr (new|shift|stays) size (\\d+) "
      "capacity (\\d+) -> (\\d+) by (need|reservation|advice|resize)");
  std::istringstream text(child.err);
  std::vector<std::smatch> matches;
  std::vector<std::string> lines;
  for (std::string one; std::getline(text, one);) lines.push_back(one);
  for (const std::string& one : lines) {
    std::smatch match;
    Expect(std::regex_match(one, match, line), "each line has the documented form", child);
    if (!match.empty()) matches.push_back(match);
  }
  // 128 bytes, doubled seven times to hold 9600; then the reservation and the resize.
  Expect(matches.size() == 10, "every growth is there once", child);
  if (matches.size() != 10) return;
  Expect(matches[0][1] == "genstep" && matches[0][2] == "new" && matches[0][3] == "0" &&
             matches[0][4] == "0" && matches[0][5] == "128" && matches[0][6] == "need",
         "the first block is new", child);
  Expect(matches[1][3] == "96" && matches[1][4] == "128" && matches[1][5] == "256",
         "capacity doubles", child);
  Expect(matches[8][5] == "960000" && matches[8][6] == "reservation", "the reservation", child);
  Expect(matches[9][1] == "-" && matches[9][6] == "resize", "no label, resized", child);
}

void ALabelStaysOnItsLineAndOrdersNoTerminal() {
  const ChildResult child = alkaid::internal::RunSelf({"strange"}, {{"ALKAID_TRACE_GROWTH", "1"}});
  const auto line = [](const std::string& label) {
    return "alkaid: BufferBuilder growth label " + label +
           " base_ptr new size 0 capacity 0 -> 64 by need\n";
  };
  std::string cut;
  for (int i = 0; i < 64; ++i) cut += "\\x0a";
  Expect(child.ExitedWith(0) && child.err == line("two\\x0alines\\x1b[2J") + line(cut),
         "controls are written out", child);
}

void WithoutItNothingIsWritten() {
  for (const char* value : {"", "0"}) {
    const ChildResult child =
        alkaid::internal::RunSelf({"build"}, {{"ALKAID_TRACE_GROWTH", value}});
    Expect(child.ExitedWith(0) && child.err.empty(), "nothing is traced", child);
  }
}

void AnotherValueIsNamed() {
  const ChildResult child = alkaid::internal::RunSelf({"build"}, {{"ALKAID_TRACE_GROWTH", "yes"}});
  Expect(child.ExitedWith(0) && child.err.find("ALKAID_TRACE_GROWTH=yes") != std::string::npos,
         "the value is named", child);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) return argv[1] == std::string("build") ? Build() : BuildWithStrangeLabels();
  EachGrowthIsALine();
  ALabelStaysOnItsLineAndOrdersNoTerminal();
  WithoutItNothingIsWritten();
  AnotherValueIsNamed();
  if (failures == 0) std::puts("the trace of growth says what it should");
  return failures == 0 ? 0 : 1;
}
