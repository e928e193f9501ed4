// alkaid: the library's functions for the shell.
//
// Exit codes:
//   0        done
//   1        wrong usage, or a failure that is not the data's
//   2        malformed data
//   3, 4, 5  only `profile gate`: memory grows; nothing can be said (the planted leak was not
//            found, or there are too few stamps); the command that it ran failed
//   126, 127 commands that run others: it cannot be run, it was not found
//   128 + n  after signal n

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

// Whether the process must not write heap files of its own: a heap file that `alkaid heap show` is
// to print must not be overwritten at the command's end, and `alkaid run` runs another program.
// Only commands that work with memory are worth tracking.
bool alkaid_only_looks(int argument_count, const char* const* arguments) {
  const std::string_view command = argument_count > 1 ? arguments[1] : "";
  return command != "demo" && command != "demo-row" && command != "dgram";
}

namespace alkaid::tools {
namespace {

// Whether the program terminates for want of memory. There may have been no memory for an
// exception.
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

// The handler for failures that nothing can catch: in a constructor at load, a destructor, a
// thread. Out of memory it prints one line and fails, like the rest of the command. Allocates
// nothing.
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

// jemalloc has printed the reason: while it is loaded it aborts where it gets no memory.
void FailBeforeMain(int /*signal*/) { ::_exit(kExitFailure); }

void (*at_abort)(int) = SIG_DFL;

void BeforeConstructors() {
  std::set_terminate(Terminate);
  at_abort = std::signal(SIGABRT, FailBeforeMain);
}
void AtMain() { std::signal(SIGABRT, at_abort); }

// The loader calls these before the constructors of the libraries. A sanitizer must come first.
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
  // Checks that the output was written: a full disk must not look like a short answer.
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
