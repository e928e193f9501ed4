// alkaid help, completion, and man-pages, which the build calls for the pages that are installed:
// all made from the tree of commands.

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include "alkaid/base/status.h"
#include "tools/commands.h"
#include "tools/support/exit_code.h"
#include "tools/support/option_limits.h"
#include "tools/usage/command_description.h"
#include "tools/usage/completion.h"
#include "tools/usage/man_page.h"

namespace alkaid::tools {
namespace {

std::string CompletionFor(const std::string& shell, const CommandDescription& root) {
  if (shell == "zsh") return ZshCompletion(root);
  return shell == "fish" ? FishCompletion(root) : BashCompletion(root);
}

int WriteManPages(const std::string& folder, const CommandDescription& root) {
  const std::string date = ManPageDate();
  for (const CommandDescription* command : AllCommands(root)) {
    const std::string path = folder + "/" + ManPageName(*command) + ".1";
    const std::string page = ManPage(*command, root, date);
    std::FILE* const file = std::fopen(path.c_str(), "we");
    bool written = file != nullptr;
    if (written) {
      written = std::fwrite(page.data(), 1, page.size(), file) == page.size();
      written = std::fclose(file) == 0 && written;
    }
    if (!written) return ReportStatus(status::IOError(errno, path));
  }
  return kExitOk;
}

}  // namespace

void AddHelpCommand(CLI::App& app) {
  CLI::App* const help = app.add_subcommand("help", "Print the help of a command, or an overview.");
  help->add_option("SUBCOMMAND", "The command, such as heap show; none for the overview")
      ->expected(0, -1);
  SetDetails(help, {.prints = "the help, as wide as the terminal",
                    .examples = {{"alkaid help heap show", ""}}});
}

void AddCompletionCommand(CLI::App& app, int* exit_code) {
  CLI::App* const completion = app.add_subcommand(
      "completion",
      "Print what makes a shell complete alkaid's commands, options and their values.");
  auto shell = std::make_shared<std::string>();
  completion->add_option("SHELL", *shell, "The shell that is to read it")
      ->required()
      ->check(OneOf({"bash", "zsh", "fish"}));
  completion->footer(
      "An installed alkaid does this by itself, in new shells. For another build, source\n"
      "it: in bash `source <(alkaid completion bash)`, in zsh, after compinit,\n"
      "`source <(alkaid completion zsh)`, in fish `alkaid completion fish | source`.");
  SetDetails(completion, {.prints = "a script for that shell",
                          .examples = {{"source <(alkaid completion bash)",
                                        "Completes alkaid in this shell from now on."}}});
  completion->callback([&app, shell, exit_code] {
    std::fputs(CompletionFor(*shell, DescribeCommands(app)).c_str(), stdout);
    *exit_code = kExitOk;
  });
}

void AddManPagesCommand(CLI::App& app, int* exit_code) {
  CLI::App* const pages =
      app.add_subcommand("man-pages", "Write a man page for each command.")->group("");
  auto folder = std::make_shared<std::string>();
  pages->add_option("FOLDER", *folder, "Where they are written")->required();
  pages->callback(
      [&app, folder, exit_code] { *exit_code = WriteManPages(*folder, DescribeCommands(app)); });
}

}  // namespace alkaid::tools
