#include <dlfcn.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "alkaid/heap/tracking/heap_tables_internal.h"
#include "alkaid/heap/tracking/module_table_internal.h"
#include "alkaid/heap/tracking/stack_table_internal.h"

namespace alkaid::heap {
namespace {

// A plug-in, loaded while this object lives, and a return address in it.
class Plugin {
 public:
  explicit Plugin(const char* path) : library_(::dlopen(path, RTLD_NOW)) {
    EXPECT_NE(library_, nullptr) << ::dlerror();
  }
  ~Plugin() { ::dlclose(library_); }
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;

  uint64_t address() const {
    return reinterpret_cast<uint64_t>(::dlsym(library_, "alkaid_plugin_make")) + 4;
  }

 private:
  void* const library_;
};

class ModuleTableTest : public ::testing::Test {
 protected:
  ModuleTableTest() { table_.RememberWhatStays(); }
  std::vector<uint16_t> NumbersOf(const std::vector<uint64_t>& frames) {
    uint16_t numbers[kMaxModulesOfStack];
    return {numbers, numbers + table_.NumbersOf(frames, numbers)};
  }

  std::atomic<TrackedModule*> modules_{nullptr};
  std::atomic<uint32_t> count_{1};
  ModuleTable table_{&modules_, &count_};
};

uint64_t InTheCLibrary() { return reinterpret_cast<uint64_t>(&std::strtol) + 4; }
uint64_t InTheProgram() { return reinterpret_cast<uint64_t>(&InTheCLibrary) + 4; }

TEST_F(ModuleTableTest, WhatAProgramIsStartedWithHasNoNumberAndAPluginHasOne) {
  EXPECT_TRUE(NumbersOf({InTheProgram(), InTheCLibrary(), 0x1000}).empty());
  const Plugin apple(ALKAID_PLUGIN_APPLE);
  EXPECT_EQ(NumbersOf({apple.address(), InTheProgram(), apple.address() + 1}),
            (std::vector<uint16_t>{1}));
  const TrackedModule& module = modules_.load()[1];
  EXPECT_LT(module.start, apple.address());
  EXPECT_GT(module.end, apple.address());
  EXPECT_EQ(std::string_view(module.path, module.path_size), ALKAID_PLUGIN_APPLE);
  EXPECT_EQ(module.build_id_size, 20U);
  EXPECT_TRUE(table_.IsLoaded(1));
}

TEST_F(ModuleTableTest, APluginHasItsNumberAgainAndAnotherInItsPlaceHasAnother) {
  // The loader mostly reuses the place that has just become free, but need not.
  std::map<std::pair<std::string, uint64_t>, uint16_t> numbers;
  for (int i = 0; i < 3; ++i) {
    for (const char* const path : {ALKAID_PLUGIN_APPLE, ALKAID_PLUGIN_BANANA}) {
      const Plugin plugin(path);
      const std::vector<uint16_t> found = NumbersOf({plugin.address()});
      ASSERT_EQ(found.size(), 1U);
      numbers.try_emplace({path, plugin.address()}, found[0]);
      for (const auto& [key, number] : numbers) {
        const bool same = key == std::pair(std::string(path), plugin.address());
        EXPECT_EQ(number == found[0], same);
        EXPECT_EQ(table_.IsLoaded(number), same);
      }
    }
  }
  for (const auto& entry : numbers) EXPECT_FALSE(table_.IsLoaded(entry.second));
  EXPECT_EQ(count_, numbers.size() + 1);
}

TEST_F(ModuleTableTest, AStackTraceThroughAnotherPluginInThePlaceOfOneIsAnother) {
  std::atomic<char*> chunks[1] = {};
  std::atomic<uint32_t> chunk_count{0};
  std::atomic<uint64_t> dropped{0};
  StackTable stacks(chunks, &chunk_count, &dropped, 1, &table_);
  std::map<std::pair<std::string, uint64_t>, uint32_t> ids;
  for (int i = 0; i < 3; ++i) {
    for (const char* const path : {ALKAID_PLUGIN_APPLE, ALKAID_PLUGIN_BANANA}) {
      const Plugin plugin(path);
      const uint64_t frames[] = {InTheCLibrary(), plugin.address(), InTheProgram()};
      const uint32_t id = stacks.Intern(frames);
      EXPECT_NE(id, 0U);
      EXPECT_EQ(stacks.Intern(frames), id);
      EXPECT_EQ(ids.try_emplace({path, plugin.address()}, id).first->second, id);
    }
  }
  EXPECT_EQ(stacks.size(), ids.size());
  const uint64_t plain[] = {InTheCLibrary(), InTheProgram()};
  EXPECT_EQ(stacks.Intern(plain), stacks.Intern(plain));
}

TEST_F(ModuleTableTest, WhenItIsFullFurtherModulesHaveNoNumber) {
  const Plugin banana(ALKAID_PLUGIN_BANANA);
  EXPECT_FALSE(NumbersOf({banana.address()}).empty());
  count_ = ModuleTable::kMaxModules;
  const Plugin apple(ALKAID_PLUGIN_APPLE);
  EXPECT_TRUE(NumbersOf({apple.address()}).empty());
}

// A folder with copies of a plug-in; the current folder while this object lives.
class PluginFolder {
 public:
  PluginFolder() {
    path_ = ::testing::TempDir() + "alkaid_modules_XXXXXX";
    EXPECT_NE(::mkdtemp(path_.data()), nullptr);
    path_ = std::filesystem::canonical(path_).string();
    std::filesystem::current_path(path_);
  }
  ~PluginFolder() {
    std::filesystem::current_path(before_);
    std::filesystem::remove_all(path_);
  }
  PluginFolder(const PluginFolder&) = delete;
  PluginFolder& operator=(const PluginFolder&) = delete;

  // With a slash, so that dlopen takes the name for a path and does not search.
  std::string Copy(const char* plugin, const std::string& name) const {
    const std::filesystem::path file = path_ + "/" + name;
    std::filesystem::create_directories(file.parent_path());
    std::filesystem::copy_file(plugin, file);
    return "./" + name;
  }
  const std::string& path() const { return path_; }

 private:
  const std::filesystem::path before_ = std::filesystem::current_path();
  std::string path_;
};

TEST_F(ModuleTableTest, APluginIsFoundAmongHundredsInAStepOrTwo) {
  constexpr uint64_t kPlugins = 300;
  const PluginFolder folder;
  std::vector<std::unique_ptr<Plugin>> plugins;
  for (uint64_t i = 0; i < kPlugins; ++i) {
    // With and without a build-id.
    const char* const file = i % 2 == 0 ? ALKAID_PLUGIN_APPLE : ALKAID_PLUGIN_CHERRY;
    const std::string name = folder.Copy(file, "plugin" + std::to_string(i) + ".so");
    plugins.push_back(std::make_unique<Plugin>(name.c_str()));
    const std::vector<uint16_t> expected = {static_cast<uint16_t>(i + 1)};
    ASSERT_EQ(NumbersOf({plugins.back()->address()}), expected);
  }
  const uint64_t before = table_.compared();
  for (uint64_t i = 0; i < kPlugins; ++i) {
    const std::vector<uint16_t> expected = {static_cast<uint16_t>(i + 1)};
    EXPECT_EQ(NumbersOf({plugins[i]->address()}), expected);
  }
  EXPECT_LE(table_.compared() - before, 2 * kPlugins);
  EXPECT_EQ(count_, kPlugins + 1);
}

TEST_F(ModuleTableTest, WithoutABuildIdOneIsKnownAgainByItsNameInTheFolder) {
  const PluginFolder folder;
  const std::string name = folder.Copy(ALKAID_PLUGIN_CHERRY, "cherry.so");
  std::map<uint64_t, uint16_t> numbers;  // by the place that the loader gave
  for (int i = 0; i < 20; ++i) {
    const Plugin plugin(name.c_str());
    const std::vector<uint16_t> found = NumbersOf({plugin.address()});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(numbers.try_emplace(plugin.address(), found[0]).first->second, found[0]);
    EXPECT_TRUE(table_.IsLoaded(found[0]));
    const TrackedModule& module = modules_.load()[found[0]];
    EXPECT_EQ(module.build_id_size, 0U);
    EXPECT_EQ(std::string_view(module.path, module.path_size), folder.path() + "/cherry.so");
  }
  EXPECT_EQ(count_, numbers.size() + 1);
}

TEST_F(ModuleTableTest, WithoutABuildIdAnotherNameInItsPlaceIsAnother) {
  const PluginFolder folder;
  std::map<std::pair<std::string, uint64_t>, uint16_t> numbers;
  const std::string names[] = {folder.Copy(ALKAID_PLUGIN_CHERRY, "one.so"),
                               folder.Copy(ALKAID_PLUGIN_CHERRY, "two.so")};
  for (int i = 0; i < 6; ++i) {
    const std::string& name = names[i % 2];
    const Plugin plugin(name.c_str());
    const std::vector<uint16_t> found = NumbersOf({plugin.address()});
    ASSERT_EQ(found.size(), 1U);
    numbers.try_emplace({name, plugin.address()}, found[0]);
    for (const auto& [key, number] : numbers) {
      EXPECT_EQ(number == found[0], key == std::pair(name, plugin.address()));
    }
  }
}

// Two plug-ins whose mapped bytes do not differ.
TEST_F(ModuleTableTest, WithoutABuildIdTheSameNameInAnotherFolderIsAnother) {
  const PluginFolder folder;
  folder.Copy(ALKAID_PLUGIN_CHERRY, "one/fruit.so");
  folder.Copy(ALKAID_PLUGIN_QUINCE, "two/fruit.so");
  const auto number_in = [&](const char* of, uint64_t* place) {
    std::filesystem::current_path(folder.path() + "/" + of);
    ModuleTable::ExpectAnother();  // as libalkaid_malloc.so says
    const Plugin plugin("./fruit.so");
    std::filesystem::current_path(folder.path());
    const std::vector<uint16_t> found = NumbersOf({plugin.address()});
    EXPECT_EQ(found.size(), 1U);
    EXPECT_TRUE(table_.IsLoaded(found[0]));
    const TrackedModule& module = modules_.load()[found[0]];
    EXPECT_EQ(module.build_id_size, 0U);
    EXPECT_EQ(std::string_view(module.path, module.path_size),
              folder.path() + "/" + of + "/fruit.so");
    *place = module.start;
    return found[0];
  };
  for (int i = 0; i < 20; ++i) {
    uint64_t first_place, second_place, third_place;
    const uint16_t first = number_in("one", &first_place);
    const uint16_t second = number_in("two", &second_place);
    const uint16_t third = number_in("one", &third_place);
    EXPECT_NE(first, second);
    EXPECT_EQ(first == third, first_place == third_place);
    EXPECT_FALSE(table_.IsLoaded(second));
    if (first_place == second_place) return;
  }
  GTEST_SKIP() << "the loader gave the second plug-in another place each time";
}

}  // namespace
}  // namespace alkaid::heap
