// CommandDescription: the command's own description, from which its help, man pages and completion
// are made.
//
// One walk over the parser's tree makes it; there is no other description of the command. To what
// the parser holds, each command adds what it reads and prints, examples, and its exit codes.
//
// Ownership: values, but the details live as long as their CLI::App. Threads: one. Out of memory:
// throws std::bad_alloc.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace CLI {
class App;
}

namespace alkaid::tools {

// Code and meaning, in the order in which they are listed.
using ExitCodes = std::vector<std::pair<std::string, std::string>>;

// What the parser cannot hold.
struct CommandDetails {
  std::string reads = {};   // "" where it reads nothing
  std::string prints = {};  // on stdout
  // Command lines, and what each does; "" where that is obvious.
  std::vector<std::pair<std::string, std::string>> examples = {};
  ExitCodes exit_codes = {};  // empty: 0 and 1
};

// The exit codes of commands that read data, and of those that make files; the footer of the
// latter.
ExitCodes ExitCodesOfReaders();
ExitCodes ExitCodesOfMakers();
inline constexpr char kMakerFooter[] =
    "An incomplete output does not appear: a file that had the name stays as it was, and no\n"
    "temporary one is left, unless a second signal ends the command at once.";

// Replaces the details of `command`. The rest of its prose is in its footer (wrapped_text.h).
void SetDetails(CLI::App* command, CommandDetails details);

struct OptionDescription {
  enum class Value {
    kNone,       // a flag
    kAny,        // a number, or a text that cannot be completed
    kFile,       // the name of a file
    kFolder,     // the name of a folder
    kCommand,    // a command and its arguments
    kOwnCommand  // one of this command's own, and its subcommands
  };
  std::vector<std::string> names;  // "-o", "--output"; for an argument "FILE"
  std::string value_name;          // "BYTES"; for a choice its words, with | between
  Value value = Value::kNone;
  std::vector<std::string> choices;  // accepted words, besides what `value` allows
  bool value_is_optional = false;    // then a value is given only after =
  std::string meaning;
  std::string limit;          // "from 1 to 999"
  std::string default_value;  // "" for none
  bool required = false;
  bool repeated = false;  // takes several values
  std::vector<std::string> needs;
  std::vector<std::string> excludes;
};

struct CommandDescription {
  std::string name;     // "show"
  std::string path;     // "heap show"; "" for `alkaid` itself
  std::string summary;  // a sentence or two
  std::string group;    // the heading under which it is listed
  std::string text;
  CommandDetails details;
  std::vector<OptionDescription> arguments;
  std::vector<OptionDescription> options;
  std::vector<CommandDescription> commands;  // subcommands, without hidden ones

  // "alkaid heap show".
  std::string FullName() const { return path.empty() ? "alkaid" : "alkaid " + path; }
  // "alkaid heap show [OPTION]... FILE".
  std::string Usage() const;
  // The summary's first sentence or clause, without a full stop.
  std::string Brief() const;
};

CommandDescription DescribeCommands(CLI::App& app);

// "-o, --output FILE"; "FILE..." for an argument that may be given several times.
std::string HeadingOf(const OptionDescription& option);

// The meaning of an option, and what there is to know about its value.
std::string MeaningOf(const OptionDescription& option);

// The commands below `root` without subcommands, in order.
std::vector<const CommandDescription*> Leaves(const CommandDescription& root);

// `root` and every command below it, in order.
std::vector<const CommandDescription*> AllCommands(const CommandDescription& root);

}  // namespace alkaid::tools
