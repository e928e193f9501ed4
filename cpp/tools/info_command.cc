// alkaid info: what this build contains and its defaults.

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "alkaid/base/environment.h"
#include "alkaid/base/version.h"
#include "alkaid/core/files/read_queue.h"
#include "alkaid/core/observers/probes.h"
#include "alkaid/core/pools/absent_backends.h"
#include "alkaid/core/pools/memory_pool_registry.h"
#include "tools/commands.h"
#include "tools/support/exit_code.h"
#include "tools/usage/command_description.h"

namespace alkaid::tools {
namespace {

using Json = nlohmann::ordered_json;

// The blocks that heap files, retention and the gdb commands list.
constexpr char kTracked[] =
    "blocks of these backends and of registered ones, also through adaptors; malloc's under alkaid "
    "run --track; no block of a pool that a program derives from MemoryPool itself";

// The default read queue, and whether the kernel's own can be used.
Json DescribeReadQueue() {
  const auto queue = io::ReadQueue::Make(io::ReadQueueKind::kAutomatic, 1);
  const Status io_uring = io::CheckIoUring();
  return {
      {"automatic", queue.ok() ? Json(io::ToString((*queue)->kind())) : Json()},
      {"error", queue.ok() ? Json() : Json(internal::MessageOf(queue.status()))},
      {"io_uring_built_in", io::IoUringIsBuiltIn()},
      {"io_uring", io_uring.ok() ? "the kernel grants io_uring" : internal::MessageOf(io_uring)}};
}

Json Describe() {
  const DefaultMemoryBackend& chosen = ChosenDefaultMemoryBackend();
  Json info = {{"version", Version()},
               {"default_memory_pool", {{"name", chosen.name}, {"reason", chosen.reason}}}};

  info["backends"] = Json::array();
  for (const MemoryBackend& backend : MemoryBackends()) {
    info["backends"].push_back({{"name", backend.name},
                                {"version", backend.version},
                                {"built_in", backend.built_in},
                                {"registered", !backend.built_in},
                                {"default", backend.name == chosen.name}});
  }

  info["absent_backends"] = Json::array();
  for (const AbsentBackend& backend : AbsentMemoryBackends()) {
    info["absent_backends"].push_back({{"name", backend.name}, {"reason", backend.reason}});
  }

  info["tracked"] = kTracked;
  info["read_queue"] = DescribeReadQueue();
  info["tracepoints"] = internal::ProbesAreBuiltIn();

  info["environment"] = Json::object();
  for (const auto& variable : internal::EnvironmentVariables()) {
    const char* const value = ::secure_getenv(variable.name.c_str());
    info["environment"][variable.name] = {{"value", value != nullptr ? Json(value) : Json()},
                                          {"meaning", variable.meaning},
                                          {"read", internal::ReadAtText(variable.read_at)},
                                          {"with_raised_privileges", variable.counts_when_raised}};
  }
  info["unknown_variables"] = internal::UnknownEnvironmentVariables();
  return info;
}

void Print(const Json& info) {
  const auto text = [](const Json& json) { return json.get<std::string>(); };
  std::printf("alkaid %s\n\n", text(info["version"]).c_str());
  std::printf("default memory pool: %s\n  %s\n\n",
              text(info["default_memory_pool"]["name"]).c_str(),
              text(info["default_memory_pool"]["reason"]).c_str());
  std::printf("backends:\n");
  for (const Json& backend : info["backends"]) {
    std::printf("  %-12s %-10s %s\n", text(backend["name"]).c_str(),
                backend["built_in"].get<bool>() ? "built in" : "registered",
                text(backend["version"]).c_str());
  }
  for (const Json& backend : info["absent_backends"]) {
    std::printf("  %-12s %-10s %s\n", text(backend["name"]).c_str(), "not built",
                text(backend["reason"]).c_str());
  }
  std::printf("\ntracked, if requested:\n  %s\n", kTracked);
  const Json& queue = info["read_queue"];
  std::printf("\nread queue: %s\n  %s\n",
              text(queue[queue["error"].is_null() ? "automatic" : "error"]).c_str(),
              text(queue["io_uring"]).c_str());
  std::printf("\ntracepoints: %s\n", info["tracepoints"].get<bool>()
                                         ? "provider alkaid (USDT)"
                                         : "not in this build; it lacked sys/sdt.h");
  std::printf("\nenvironment:\n");
  for (const auto& [name, variable] : info["environment"].items()) {
    const Json& value = variable["value"];
    std::printf("  %s = %s\n    %s; %s%s\n", name.c_str(),
                value.is_null() ? "(not set)" : text(value).c_str(),
                text(variable["meaning"]).c_str(), text(variable["read"]).c_str(),
                variable["with_raised_privileges"].get<bool>()
                    ? "; names of built-in backends count with raised privileges too"
                    : "");
  }
  if (!info["unknown_variables"].empty()) std::printf("\nunknown variables:\n");
  for (const Json& sentence : info["unknown_variables"]) {
    std::printf("  %s\n", text(sentence).c_str());
  }
}

}  // namespace

void AddInfoCommand(CLI::App& app, int* exit_code) {
  CLI::App* command = app.add_subcommand(
      "info", "Print the backends, the default pool and why, the environment, the version.");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "One JSON object");
  SetDetails(command, {.prints = "the version, the backends, how files are read ahead, and every "
                                 "variable that is honoured; or one JSON object",
                       .examples = {{"alkaid info", ""}}});
  command->callback([json, exit_code] {
    const Json info = Describe();
    if (*json) {
      const std::string text =
          info.dump(2, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
      std::printf("%s\n", text.c_str());
    } else {
      Print(info);
    }
    *exit_code = kExitOk;
  });
}

}  // namespace alkaid::tools
