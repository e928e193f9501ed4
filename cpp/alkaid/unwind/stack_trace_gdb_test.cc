// Compares stack traces with gdb's, on optimised code without frame pointers.
//
// The program starts itself under gdb. At the innermost point of each winding call it writes down
// its own stack trace and calls StopHere, where gdb writes down another. Exit code 77 if gdb is not
// installed or may not trace; the reason is printed.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "alkaid/unwind/stack_trace.h"
#include "fixtures/winding_calls.h"

namespace {

constexpr int kSkipped = 77;

struct Seen {
  std::vector<std::string> ours;
  std::vector<std::string> gdbs;
};

}  // namespace

extern "C" [[gnu::noinline]] void alkaid_stop_here() { asm volatile("" : : : "memory"); }

namespace {

// Writes one line with a stack trace, from the caller of this function outwards.
[[gnu::noinline]] void LookAndStop(void*) {
  std::array<uint64_t, 128> frames;
  const int depth =
      alkaid::unwind::CaptureStack(alkaid::unwind::Unwinder::kCallFrameInfo, frames.data(), 128);
  std::printf("ours");
  for (int i = 1; i < depth; ++i) std::printf(" %" PRIx64, frames[static_cast<size_t>(i)]);
  std::printf("\n");
  std::fflush(stdout);
  alkaid_stop_here();
}

int RunTheCalls() {
  for (const auto& call : alkaid::unwind::AllWindingCalls()) {
    std::printf("call %s\n", call.name.c_str());
    call.run(LookAndStop, nullptr);
  }
  return alkaid::unwind::CountOfRuntimeWalks() == 0 ? 0 : 1;
}

// gdb's own frames, without those of inlined functions; the two innermost are StopHere and
// LookAndStop.
constexpr char kScript[] = R"(set pagination off
set confirm off
set debuginfod enabled off
set backtrace past-main on
set backtrace past-entry on
set backtrace limit 200
break alkaid_stop_here
commands
silent
python
frame, pcs = gdb.newest_frame(), []
while frame is not None and frame.is_valid():
    if frame.type() != gdb.INLINE_FRAME: pcs.append('%x' % frame.pc())
    frame = frame.older()
gdb.write('gdbs ' + ' '.join(pcs[2:]) + chr(10))
gdb.flush()
end
continue
end
run --calls
)";

int Skip(const std::string& reason) {
  std::printf("SKIPPED: %s\n", reason.c_str());
  return kSkipped;
}

int CompareUnderGdb(const char* program) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return Skip("gdb does not see through a sanitizer's start of a program");
#elif !defined(__x86_64__)
  return Skip("call frame information is read on x86-64 only");
#endif
  if (std::system("gdb --version > /dev/null 2>&1") != 0) return Skip("gdb is not installed");
  char script[] = "/tmp/alkaid_stack_trace_XXXXXX";
  const int fd = mkstemp(script);
  if (fd < 0 || write(fd, kScript, std::strlen(kScript)) < 0) return Skip("no temporary file");
  close(fd);
  const std::string command =
      std::string("gdb -nx -batch -x ") + script + " '" + program + "' 2>&1 < /dev/null";
  FILE* const pipe = popen(command.c_str(), "r");
  std::vector<Seen> seen;
  std::string text;
  std::array<char, 16384> line;
  std::string name;
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
    std::string words(line.data());
    text += words;
    words.erase(words.find_last_not_of(" \n") + 1);
    const std::string key = words.substr(0, 5);
    if (key == "ours ") seen.push_back({{name, words.substr(5)}, {}});
    if (key == "gdbs " && !seen.empty()) seen.back().gdbs = {words.substr(5)};
    if (key == "call ") name = words.substr(5);
  }
  const int status = pclose(pipe);
  unlink(script);
  if (text.find("ptrace: Operation not permitted") != std::string::npos ||
      text.find("Could not trace the inferior") != std::string::npos) {
    return Skip("this process may not be traced");
  }
  int faults = status == 0 && seen.size() > 11 ? 0 : 1;
  for (const Seen& place : seen) {
    const bool same = !place.gdbs.empty() && place.ours[1] == place.gdbs[0];
    std::printf("%s: %s\n", place.ours[0].c_str(), same ? "the same" : "DIFFERENT");
    if (same) continue;
    ++faults;
    std::printf("  ours: %s\n  gdb's: %s\n", place.ours[1].c_str(),
                place.gdbs.empty() ? "" : place.gdbs[0].c_str());
  }
  if (faults != 0) std::printf("FAILED; gdb said:\n%s\n", text.c_str());
  if (text.find("exited normally") == std::string::npos) {
    std::printf("FAILED: the program did not end well, or a rule was missing\n%s\n", text.c_str());
    ++faults;
  }
  return faults == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--calls") == 0) return RunTheCalls();
  std::array<char, 4096> self{};
  if (readlink("/proc/self/exe", self.data(), self.size() - 1) < 0) return 1;
  return CompareUnderGdb(self.data());
}
