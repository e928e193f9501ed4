// alkaid run: runs a command with its allocations tracked.

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "alkaid/base/environment.h"
#include "alkaid/base/output_name.h"
#include "alkaid/core/files/durable_file.h"
#include "alkaid/core/files/open_input.h"
#include "alkaid/heap/tracking/tracking.h"
#include "tools/commands.h"
#include "tools/support/exit_code.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

constexpr char kPreloadName[] = "libalkaid_malloc.so";

struct RunOptions {
  std::string track;
  std::optional<std::string> heap_at_exit;
  bool views = false;
  std::vector<std::string> command;
};

// libalkaid_malloc.so, relative to the folder of this command: installed, or in a build tree.
Result<std::string> FindPreload() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  for (const char* folder : {ALKAID_PRELOAD_FOLDER, "../lib"}) {
    const auto path = self.parent_path() / folder / kPreloadName;
    if (std::filesystem::exists(path, error)) return path.lexically_normal().string();
  }
  return status::KeyError("run: ", kPreloadName, " lies neither in ", ALKAID_PRELOAD_FOLDER,
                          " nor in ../lib, seen from ", self.parent_path().string(),
                          "; it comes with the library");
}

// The file of a command, found like execvp does; empty where there is none.
std::string FindCommand(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* const variable = std::getenv("PATH");
  const std::string path = variable == nullptr ? "/bin:/usr/bin" : variable;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    const std::string folder = path.substr(begin, end - begin);
    const std::string file = (folder.empty() ? "." : folder) + "/" + name;
    struct stat found = {};
    if (stat(file.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
        access(file.c_str(), X_OK) == 0) {
      return file;
    }
    begin = end + 1;
  }
  return "";
}

// Whether an ELF program names a dynamic linker; true also where that cannot be determined.
bool IsLinkedDynamically(const std::vector<char>& head) {
  Elf64_Ehdr header;
  if (head.size() < sizeof(header)) return true;
  std::memcpy(&header, head.data(), sizeof(header));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment;
    const size_t at = header.e_phoff + static_cast<size_t>(i) * header.e_phentsize;
    if (at > head.size() || head.size() - at < sizeof(segment)) return true;
    std::memcpy(&segment, head.data() + at, sizeof(segment));
    if (segment.p_type == PT_INTERP) return true;
  }
  return false;
}

// Why nothing can be preloaded into this program, as far as its file shows.
Status CheckPreloadable(const std::string& file) {
  struct stat found = {};
  // execvp has a better message; opening a pipe would wait.
  if (stat(file.c_str(), &found) != 0 || !S_ISREG(found.st_mode)) return absl::OkStatus();
  const bool other_user = (found.st_mode & S_ISUID) != 0 && found.st_uid != geteuid();
  const bool other_group = (found.st_mode & S_ISGID) != 0 && found.st_gid != getegid();
  if (other_user || other_group) {
    return status::Invalid("run: ", file,
                           " runs with another's rights; the system preloads nothing into it");
  }
  const int fd = io::OpenInput(file.c_str());
  if (fd < 0) return absl::OkStatus();
  std::vector<char> head(64 << 10);
  const ssize_t got = read(fd, head.data(), head.size());
  close(fd);
  head.resize(got > 0 ? static_cast<size_t>(got) : 0);
  if (head.size() < EI_NIDENT || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0) {
    return absl::OkStatus();  // a script: the system starts its interpreter
  }
  if (head[EI_CLASS] != ELFCLASS64) {
    return status::Invalid("run: ", file, " is a 32-bit program; the library has 64 bits");
  }
  if (!IsLinkedDynamically(head)) {
    return status::Invalid("run: ", file,
                           " is statically linked; nothing can be preloaded into it");
  }
  return absl::OkStatus();
}

Status SetVariable(const char* name, const std::string& value) {
  if (setenv(name, value.c_str(), 1) == 0) return absl::OkStatus();
  return status::IOError(errno, "run: setting ", name);
}

// Checks as far as possible that the heap file can be made, as the end of a long run would be too
// late.
Status CheckWritable(const std::string& pattern) {
  const std::string name =
      internal::OutputName(pattern, static_cast<uint32_t>(::getpid()), /*number=*/1);
  struct stat found = {};
  // A pipe's reader would take the check for the end of the data.
  if (stat(name.c_str(), &found) == 0 && !S_ISREG(found.st_mode) && !S_ISDIR(found.st_mode)) {
    return absl::OkStatus();
  }
  const auto file = io::DurableFileOutputStream::Open(name, io::FileAccess::kOwnerOnly);
  if (file.ok()) return absl::OkStatus();  // nothing is left, as it is never closed
  return status::Invalid("run: --heap-at-exit: ", alkaid::internal::MessageOf(file.status()));
}

// Sets the command's environment.
Status PrepareEnvironment(const RunOptions& options) {
  const std::string track = options.track + (options.views ? ",views" : "");
  const auto parsed = heap::ParseTrackingOptions(track);
  if (!parsed.ok()) return parsed.status();
  ALKAID_ASSIGN_OR_RAISE(std::string preload, FindPreload());
  if (preload.find_first_of(" :") != std::string::npos) {
    return status::Invalid("run: the path ", preload,
                           " has a space or a colon, which LD_PRELOAD cannot express");
  }
  const std::string kept = alkaid::internal::GetEnvironment("LD_PRELOAD");
  ALKAID_RETURN_NOT_OK(SetVariable("LD_PRELOAD", kept.empty() ? preload : preload + ":" + kept));
  ALKAID_RETURN_NOT_OK(SetVariable(alkaid::internal::kTrackAllocationsVariable, track));
  // The command keeps the process id of this process; its children have others. A file that an
  // outer `alkaid run` asked for stays the outer one's.
  if (options.heap_at_exit ||
      alkaid::internal::GetEnvironment(alkaid::internal::kHeapOwnerVariable).empty()) {
    ALKAID_RETURN_NOT_OK(
        SetVariable(alkaid::internal::kHeapOwnerVariable, std::to_string(::getpid())));
  }
  if (!options.heap_at_exit) return absl::OkStatus();
  // The command may change its folder.
  std::error_code error;
  const auto file = std::filesystem::absolute(*options.heap_at_exit, error);
  const std::string pattern = error ? *options.heap_at_exit : file.string();
  ALKAID_RETURN_NOT_OK(CheckWritable(pattern));
  return SetVariable(alkaid::internal::kHeapAtExitVariable, pattern);
}

// Returns only if the command could not be run.
int Run(const RunOptions& options) {
  const std::vector<std::string>& command = options.command;
  const std::string file = FindCommand(command.front());
  if (file.empty()) {
    std::fprintf(stderr, "alkaid: run: %s: command not found\n", command.front().c_str());
    return kExitNotFound;
  }
  // From "--heap-at-exit -- COMMAND" the parser makes a file named "--".
  if (options.heap_at_exit &&
      (options.heap_at_exit->empty() || options.heap_at_exit->starts_with('-'))) {
    return ReportStatus(status::Invalid("run: --heap-at-exit needs the name of a file, not \"",
                                        *options.heap_at_exit,
                                        "\"; one that begins with - is written ./-"));
  }
  if (const Status status = CheckPreloadable(file); !status.ok()) return ReportStatus(status);
  if (const Status status = PrepareEnvironment(options); !status.ok()) return ReportStatus(status);
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  execvp(file.c_str(), arguments.data());
  const int code = errno == ENOENT ? kExitNotFound : kExitCanNotRun;
  std::fprintf(stderr, "alkaid: run: %s: %s\n", file.c_str(), std::strerror(errno));
  return code;
}

}  // namespace

void AddRunCommand(CLI::App& app, int* exit_code) {
  CLI::App* const run =
      app.add_subcommand("run", "Run a command and watch what it allocates, by malloc too.");
  auto options = std::make_shared<RunOptions>();
  // A flag, whose value needs a '=', since the next word may be the command.
  run->add_flag("--track{1}", options->track,
                "Keep a table of live allocations: all, or as =sample:BYTES, =frames=COUNT,\n"
                "=unwinder=cfi|fp|runtime, python=off say, with commas between several")
      ->required()
      ->type_name("LIST");
  run->add_option(
         "--heap-at-exit", options->heap_at_exit,
         "Write a snapshot of what is live when the command ends to FILE: if it ends by\n"
         "exit() or by returning from main, not by _exit() or a signal, except those that\n"
         "ALKAID_EXIT_SIGNALS names (TERM,INT). %p in the name becomes the process id;\n"
         "without it, processes that the command starts write FILE.PID")
      ->type_name("FILE");
  run->add_flag("--views", options->views, "Track slices of buffers as well");
  run->add_option("COMMAND", options->command, "The command and its arguments, after a --")
      ->required();
  run->footer("Processes that the command starts are watched too.");
  SetDetails(run,
             {.prints = "what the command prints, and nothing of its own",
              .examples = {{"alkaid run --track --heap-at-exit app.heap -- ./app --events 1000",
                            "Leaves app.heap, which alkaid heap show prints."}},
              .exit_codes = {
                  {"N", "that of the command"},
                  {"1",
                   "wrong usage, or a program into which nothing can be preloaded: a statically "
                   "linked one, a 32-bit one, or one that runs with another user's rights"},
                  {"126", "the command cannot be run"},
                  {"127", "it is not found"}}});
  run->callback([options, exit_code] { *exit_code = Run(*options); });
}

}  // namespace alkaid::tools
