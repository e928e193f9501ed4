// alkaid: what the library can do, from the shell.
//
// Exit codes: 0 done; 1 wrong usage, or something other than the data failed; 2 malformed data; of
// `profile gate` besides 3 memory grows, 4 nothing can be said (the planted leak was not found, or
// there are too few stamps), 5 the command that it ran failed; of what runs commands 126 and 127
// where they cannot be run or are not found; 128 and its number after a signal.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <string_view>

#include "alkaid/startup/startup.h"
#include "tools/commands.h"
#include "tools/support/exit_code.h"
#include "tools/support/standard_streams.h"
#include "tools/usage/command_line.h"

// A heap file that `alkaid heap show` is to print must not be overwritten by that of the command's
// own end; what `alkaid run` runs is another program. Only what works with memory is worth
// watching.
bool alkaid_only_looks(int argument_count, const char* const* arguments) {
  const std::string_view command = argument_count > 1 ? arguments[1] : "";
  return command != "demo" && command != "demo-row" && command != "dgram";
}

namespace alkaid::tools {
namespace {

// Whether that is why the program terminates. Where not even the exception found room there is
// none.
bool IsOutOfMemory() {
  if (std::current_exception() == nullptr) {
    void* const block = std::malloc(size_t{64} << 10);
    std::free(block);
    return block == nullptr;
  }
  try {
    throw;
  } catch (const std::bad_alloc&) {
    return true;
  } catch (...) {
    return false;
  }
}

// Where nothing can be caught any more: in a constructor at load, a destructor, a thread. Short of
// memory the command says so in one line and fails, as it does elsewhere. Allocates nothing.
[[noreturn]] void Terminate() {
  if (IsOutOfMemory()) {
    constexpr std::string_view kLine = "alkaid: out of memory\n";
    (void)!::write(STDERR_FILENO, kLine.data(), kLine.size());
    ::_exit(kExitFailure);
  }
  __gnu_cxx::__verbose_terminate_handler();
  std::abort();
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

// jemalloc has said why: while it is loaded it aborts where it gets no memory.
void FailBeforeMain(int /*signal*/) { ::_exit(kExitFailure); }

void (*at_abort)(int) = SIG_DFL;

void BeforeConstructors() {
  std::set_terminate(Terminate);
  at_abort = std::signal(SIGABRT, FailBeforeMain);
}
void AtMain() { std::signal(SIGABRT, at_abort); }

// The loader calls these before the constructors of the libraries. A sanitizer has to be the first.
[[gnu::section(".preinit_array"),
  gnu::used]] void (*const before_constructors)() = BeforeConstructors;

#else

void AtMain() { std::set_terminate(Terminate); }

#endif

int RunCommandLine(int argc, char** argv) {
  CLI::App app;
  int exit_code = kExitOk;
  AddCommands(app, &exit_code);
  exit_code = RunCommandOf(app, argc, argv, &exit_code);
  // What was printed has to have arrived: a full disk must not look like a short answer.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fprintf(stderr, "alkaid: the output could not be written\n");
    if (exit_code == kExitOk) exit_code = kExitFailure;
  }
  return exit_code;
}

}  // namespace
}  // namespace alkaid::tools

int main(int argc, char** argv) {
  using namespace alkaid::tools;  // NOLINT(google-build-using-namespace)
  AtMain();
  HoldStandardStreams();
  try {
    return RunCommandLine(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fflush(stdout);
    std::fputs("alkaid: out of memory\n", stderr);
    return kExitFailure;
  } catch (const std::exception& error) {
    return ReportStatus(alkaid::status::OutOfMemory(error.what()));
  }
}
