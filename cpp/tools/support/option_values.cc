#include "tools/support/option_values.h"

#include <algorithm>
#include <string_view>

namespace alkaid::tools {
namespace {

constexpr char kRule[] =
    "An option of several values takes all arguments up to the next option or to --. After = it\n"
    "takes that one alone, and may be given again.";

// Whether the option would also take the arguments that follow.
bool TakesSeveral(const CLI::Option& option) {
  return option.nonpositional() && option.get_allow_extra_args();
}

// The command of `app` with that name; null for none.
CLI::App* CommandOf(CLI::App& app, std::string_view name) {
  const auto commands = app.get_subcommands([](CLI::App*) { return true; });
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const CLI::App* command) {
    return command->get_name() == name;
  });
  return found == commands.end() ? nullptr : *found;
}

}  // namespace

std::vector<std::string> SeparateOptionValues(CLI::App& app, int argument_count,
                                              const char* const* arguments) {
  std::vector<std::string> all;
  CLI::App* command = &app;
  bool looked_at = true;
  for (int i = 1; i < argument_count; ++i) {
    const std::string& argument = all.emplace_back(arguments[i]);
    looked_at = looked_at && argument != "--";
    if (!looked_at) continue;
    const size_t equals = argument.find('=');
    if (!argument.starts_with("--") || equals == std::string::npos) {
      CLI::App* const called = CommandOf(*command, argument);
      if (called != nullptr) command = called;
      continue;
    }
    const std::string name = argument.substr(0, equals);
    const CLI::Option* const option = command->get_option_no_throw(name);
    // Flags may have no value.
    if (option == nullptr || option->get_items_expected_max() == 0) continue;
    if (equals + 1 == argument.size()) {
      throw CLI::ValidationError(name, "a value is missing after =");
    }
    // Ends the list; the option takes it as its end.
    if (TakesSeveral(*option)) all.emplace_back("--");
  }
  std::reverse(all.begin(), all.end());
  return all;
}

void DocumentOptionValues(CLI::App& app) {
  const auto options = app.get_options();
  const bool any = std::any_of(options.begin(), options.end(),
                               [](const CLI::Option* option) { return TakesSeveral(*option); });
  if (any) {
    const std::string footer = app.get_footer();
    app.footer(footer.empty() ? kRule : std::string(kRule) + "\n\n" + footer);
  }
  for (CLI::App* const command : app.get_subcommands([](CLI::App*) { return true; })) {
    DocumentOptionValues(*command);
  }
}

}  // namespace alkaid::tools
