// The tree of commands, and the headings under which the overview lists them.

#include "alkaid/base/version.h"
#include "tools/commands.h"
#include "tools/support/option_values.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

constexpr char kMemory[] = "Find what holds memory";
constexpr char kGrowth[] = "Say whether memory grows";
constexpr char kData[] = "Read, check and make XTC2 data";
constexpr char kAbout[] = "Describe and try this build";

CLI::App& AddFamily(CLI::App& app, const char* name, const char* summary) {
  CLI::App* const family = app.add_subcommand(name, summary);
  family->require_subcommand(1);
  return *family;
}

}  // namespace

void AddCommands(CLI::App& app, int* exit_code) {
  app.name("alkaid");
  app.description("Memory for data: pools and buffers, XTC2 datagrams, and who holds what.");
  app.require_subcommand(1);
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", Version(), "Print the version");
  AddRunCommand(app, exit_code);
  CLI::App& heap = AddFamily(app, "heap", "Show files of live memory, and compare them.");
  AddHeapShowCommand(heap, exit_code);
  AddHeapRetentionCommand(heap, exit_code);
  AddHeapDiffCommand(heap, exit_code);

  CLI::App& profile =
      AddFamily(app, "profile", "Say whether memory grows from event to event, and whose it is.");
  AddProfileReportCommand(profile, exit_code);
  AddProfileGateCommand(profile, exit_code);

  CLI::App& dgram = AddFamily(app, "dgram", "Read, edit and write files of XTC2 datagrams.");
  AddDgramLsCommand(dgram, exit_code);
  AddDgramDumpCommand(dgram, exit_code);
  AddDgramDigestCommand(dgram, exit_code);
  AddDgramEventsCommand(dgram, exit_code);
  AddDgramReadCommand(dgram, exit_code);
  AddDgramSmdCommand(dgram, exit_code);
  AddDgramVerifyCommand(dgram, exit_code);
  AddDgramEditCommand(dgram, exit_code);
  AddDgramWriteCommand(dgram, exit_code);

  AddDemoCommand(app, exit_code);
  AddDemoRowCommand(app, exit_code);
  AddInfoCommand(app, exit_code);
  AddCompletionCommand(app, exit_code);
  AddHelpCommand(app);
  AddManPagesCommand(app, exit_code);

  for (const char* name : {"run", "heap"}) app.get_subcommand(name)->group(kMemory);
  app.get_subcommand("profile")->group(kGrowth);
  app.get_subcommand("dgram")->group(kData);
  for (const char* name : {"demo", "info", "completion", "help"}) {
    app.get_subcommand(name)->group(kAbout);
  }
  DocumentOptionValues(app);
  // Subcommands inherit the settings of their parent.
  SetDetails(&app, {.examples = {
                        {"alkaid demo", "Reads a synthetic run through every backend."},
                        {"alkaid run --track -- ./program", "Tracks what a program allocates."}}});
}

}  // namespace alkaid::tools
