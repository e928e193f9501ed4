#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "alkaid/heap/reports/heap_reader_internal.h"
#include "alkaid/testing/matchers.h"
#include "fixtures/made_heap.h"

namespace alkaid::heap {
namespace {

using fixtures::Block;

void NoLock(uint32_t /*shard*/, const std::function<void()>& visit) { visit(); }

TEST(HeapReader, CopiesTheRecordsThatAreInUseInTheOrderOfAddresses) {
  fixtures::Tables tables;
  tables.Put(3, 0, Block(0x5000, 48, 1));
  tables.Put(0, 63, Block(0x9000, 64, 2));
  tables.Put(1, 7, Block(0x7000, 80, 3));
  tables.Put(1, 8, Block(0x6000, 96, 4));
  tables.GiveBack(1, 8);
  HeapContents contents;
  ALKAID_ASSERT_OK(ReadHeapTables(tables.root(), NoLock, nullptr, &contents));
  ASSERT_EQ(contents.blocks.size(), 3U);
  EXPECT_EQ(contents.blocks[0].address, 0x5000U);
  EXPECT_EQ(contents.blocks[1].address, 0x7000U);
  EXPECT_EQ(contents.blocks[2].address, 0x9000U);
  EXPECT_EQ(contents.blocks[0].size, 48);
  EXPECT_EQ(contents.blocks[0].serial, 1U);
  EXPECT_EQ(contents.blocks[0].birth_ns, 130 * fixtures::kSecond);
  EXPECT_EQ(contents.blocks[0].thread, 4711U);
  EXPECT_EQ(contents.blocks[0].first_count(), 0);
}

TEST(HeapReader, FindsLabelsPoolsAndStackTraces) {
  fixtures::Tables tables;
  const uint32_t label = tables.AddLabel("dgram.batch");
  const uint16_t pool = tables.AddPool(0x1234, "jemalloc");
  const uint32_t unused = tables.AddStack({1, 2, 3, 4});
  const uint32_t stack = tables.AddStack({0x400100, 0x400200, 0x400300});
  const uint32_t other = tables.AddStack({0x400500});
  EXPECT_NE(unused, stack);
  HeapBlock block = Block(0x5000, 48, 1, stack, label);
  block.pool = pool;
  tables.Put(0, 0, block);
  tables.Put(0, 1, Block(0x6000, 48, 1, stack, 0));
  tables.Put(0, 2, Block(0x7000, 48, 1, other, 0));
  tables.Put(0, 3, Block(0x8000, 48, 1, 0, 0));
  HeapContents contents;
  ALKAID_ASSERT_OK(ReadHeapTables(tables.root(), NoLock, nullptr, &contents));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, HeapSnapshot::Make(std::move(contents)));
  const auto& blocks = snapshot.blocks();
  EXPECT_EQ(snapshot.contents().labels[blocks[0].label], "dgram.batch");
  EXPECT_EQ(snapshot.contents().pools[blocks[0].pool].name, "jemalloc");
  EXPECT_EQ(snapshot.contents().pools[blocks[0].pool].identity, 0x1234U);
  const auto frames = snapshot.frames(blocks[0].stack);
  EXPECT_EQ(std::vector(frames.begin(), frames.end()),
            (std::vector<uint64_t>{0x400100, 0x400200, 0x400300}));
  EXPECT_EQ(blocks[0].stack, blocks[1].stack);
  EXPECT_EQ(snapshot.frames(blocks[2].stack)[0], 0x400500U);
  EXPECT_TRUE(snapshot.frames(blocks[3].stack).empty());
  // Stack traces that no block refers to are left out.
  EXPECT_EQ(snapshot.contents().stacks.size(), 3U);
}

TEST(HeapReader, FramesOfAModuleThatIsGoneAreMovedWithItAndOthersStay) {
  fixtures::Tables tables;
  tables.AddPool(0x1234, "jemalloc");
  const uint16_t gone = tables.AddModule(0x7000000, 0x7005000, "/gone.so", "id of gone");
  const uint16_t there = tables.AddModule(0x8000000, 0x8005000, "/there.so", "id of there");
  const uint32_t stack = tables.AddStack({0x7000100, 0x8000100, 0x400100}, {gone, there});
  const uint32_t later = tables.AddStack({0x7000100, 0x400100});
  tables.Put(0, 0, Block(0x5000, 48, 1, stack));
  tables.Put(0, 1, Block(0x6000, 48, 1, later));
  HeapContents contents;
  contents.modules.push_back({0x7000000, 0x7004800, 0x7000000, "/another.so", "id of another"});
  contents.modules.push_back({0x8000000, 0x8004800, 0x8000000, "/there.so", "id of there"});
  ALKAID_ASSERT_OK(ReadHeapTables(tables.root(), NoLock, nullptr, &contents));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, HeapSnapshot::Make(std::move(contents)));
  const auto frames = snapshot.frames(snapshot.blocks()[0].stack);
  EXPECT_EQ(frames[0], kUnloadedModules + 0x100);
  EXPECT_EQ(frames[1], 0x8000100U);
  EXPECT_EQ(frames[2], 0x400100U);
  const HeapModule* const module = snapshot.ModuleOf(frames[0]);
  ASSERT_NE(module, nullptr);
  EXPECT_EQ(module->path, "/gone.so");
  EXPECT_EQ(module->build_id, "id of gone");
  EXPECT_EQ(frames[0] - module->bias, 0x100U);
  EXPECT_EQ(snapshot.ModuleOf(frames[1])->path, "/there.so");
  // In the module that is loaded now.
  EXPECT_EQ(snapshot.ModuleOf(snapshot.frames(snapshot.blocks()[1].stack)[0])->path, "/another.so");
}

TEST(HeapReader, ListsTheLinesOfPythonThatStackTracesLeadThrough) {
  fixtures::Tables tables;
  tables.AddPool(0x1234, "jemalloc");
  TrackedPythonPlace places[4] = {};
  const auto set = [&places](size_t number, const char* text, uint16_t file_size, uint32_t line) {
    places[number].key = 1;
    places[number].text = text;
    places[number].file_size = file_size;
    places[number].function_size = static_cast<uint16_t>(std::strlen(text) - file_size);
    places[number].line = line;
  };
  set(1, "run.py<module>", 6, 7);
  set(2, "lib.pymake", 6, 12);
  places[3].key = 1;  // being added, so it has no text yet
  tables.root().python_places = places;
  tables.root().python_place_count = 4;
  tables.root().python_place_size = sizeof(TrackedPythonPlace);
  const auto address = [](uint64_t number) {
    return kPythonPlaces + number * kPythonPlaceStride + 1;
  };
  const uint32_t stack = tables.AddStack({0x400100, address(3), address(1), address(99)});
  tables.Put(0, 0, Block(0x5000, 48, 1, stack));
  HeapContents contents;
  ALKAID_ASSERT_OK(ReadHeapTables(tables.root(), NoLock, nullptr, &contents));
  ALKAID_ASSERT_OK_AND_ASSIGN(const auto snapshot, HeapSnapshot::Make(std::move(contents)));
  ASSERT_EQ(snapshot.contents().python_places.size(), 2U);
  const HeapPythonPlace* const place = snapshot.PythonPlaceOf(address(1));
  ASSERT_NE(place, nullptr);
  EXPECT_EQ(place->file, "run.py");
  EXPECT_EQ(place->function, "<module>");
  EXPECT_EQ(place->line, 7U);
  ASSERT_NE(snapshot.PythonPlaceOf(address(3)), nullptr);
  EXPECT_EQ(snapshot.PythonPlaceOf(address(3))->function, "");
  EXPECT_EQ(snapshot.PythonPlaceOf(address(2)), nullptr);
  EXPECT_EQ(snapshot.PythonPlaceOf(address(99)), nullptr);
  EXPECT_EQ(snapshot.PythonPlaceOf(0x400100), nullptr);
  // The root of a library without these fields.
  tables.root().root_size = offsetof(HeapRoot, python_places);
  HeapContents earlier;
  ALKAID_ASSERT_OK(ReadHeapTables(tables.root(), NoLock, nullptr, &earlier));
  EXPECT_TRUE(earlier.python_places.empty());
}

TEST(HeapReader, OfABlockThatTookTheAddressOfAnotherMeanwhileKeepsTheLater) {
  fixtures::Tables tables;
  tables.Put(0, 3, Block(0x5000, 10, 7));
  tables.Put(0, 9, Block(0x5000, 20, 9));
  tables.Put(0, 12, Block(0x5000, 30, 8));
  HeapContents contents;
  ALKAID_ASSERT_OK(ReadHeapTables(tables.root(), NoLock, nullptr, &contents));
  ASSERT_EQ(contents.blocks.size(), 1U);
  EXPECT_EQ(contents.blocks[0].size, 20);
}

TEST(HeapReader, ListsABlockWhoseReallocationIsUnderWayOnce) {
  fixtures::Tables tables;
  tables.Put(3, 0, Block(0x5000, 48, 1));
  std::atomic<uint64_t> moving{0};
  const auto moves = std::make_unique<PendingMoves>(&moving);
  for (const uint64_t address : {0x5000u, 0x7000u}) {
    LiveBlock block = {};
    block.address = address;
    block.size = block.weight = 48;
    block.serial = 1;
    ASSERT_TRUE(moves->Add(block));
  }
  HeapContents contents;
  ALKAID_EXPECT_OK(ReadHeapTables(tables.root(), NoLock, moves.get(), &contents));
  ASSERT_EQ(contents.blocks.size(), 2U);
  EXPECT_EQ(contents.blocks[1].address, 0x7000U);
  EXPECT_EQ(contents.blocks[1].size, 48);
  EXPECT_EQ(contents.moving, 0U);
  // A move that ends meanwhile may be missed; `moving` counts it.
  bool ended = false;
  const auto end_one = [&](uint32_t, const std::function<void()>& visit) {
    if (!ended) moves->Remove(moves->Find(0x7000));
    ended = true;
    visit();
  };
  ALKAID_EXPECT_OK(ReadHeapTables(tables.root(), end_one, moves.get(), &contents));
  EXPECT_EQ(contents.moving, 1U);
  moves->Remove(moves->Find(0x5000));
}

TEST(HeapReader, NeverGrowsItsOwnMemoryUnderALock) {
  fixtures::Tables tables(2, 4096);
  // More blocks are added before the second shard is locked.
  std::vector<HeapBlock> late;
  for (uint64_t i = 0; i < 3000; ++i) late.push_back(Block(0x100000 + i * 64, 64, i));
  tables.Put(0, 0, Block(0x5000, 10, 1));
  HeapContents contents;
  int locked = 0;
  const auto lock = [&](uint32_t shard, const std::function<void()>& visit) {
    if (shard == 1 && ++locked == 1) {
      for (uint64_t i = 0; i < late.size(); ++i) tables.Put(1, i, late[i]);
    }
    const HeapBlock* const before = contents.blocks.data();
    visit();
    EXPECT_EQ(contents.blocks.data(), before);
  };
  ALKAID_ASSERT_OK(ReadHeapTables(tables.root(), lock, nullptr, &contents));
  EXPECT_GT(locked, 1);
  EXPECT_EQ(contents.blocks.size(), 3001U);
}

TEST(HeapReader, RefusesALayoutThatItDoesNotKnow) {
  fixtures::Tables tables;
  tables.root().version = 2;
  HeapContents contents;
  EXPECT_THAT(ReadHeapTables(tables.root(), NoLock, nullptr, &contents),
              StatusIs(StatusCode::kFailedPrecondition, ::testing::HasSubstr("version 2")));
}

}  // namespace
}  // namespace alkaid::heap
