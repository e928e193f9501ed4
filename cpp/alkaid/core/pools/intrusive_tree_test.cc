#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <iterator>
#include <random>
#include <set>

#include "alkaid/core/pools/intrusive_tree_internal.h"

namespace alkaid::internal {
namespace {

struct Number {
  int value = 0;
  TreeLinks<Number> links = {};
};

int64_t comparisons = 0;

struct Before {
  bool operator()(const Number& a, const Number& b) const { return (*this)(a, b.value); }
  bool operator()(const Number& a, int b) const {
    ++comparisons;
    return a.value < b;
  }
};

using Tree = IntrusiveTree<Number, &Number::links, Before>;

int ValueOf(const Number* number) { return number != nullptr ? number->value : -1; }

TEST(IntrusiveTree, HoldsWhatASetHoldsWhateverIsEnteredAndErased) {
  constexpr int kValues = 200;
  std::deque<Number> numbers(kValues);
  for (int i = 0; i < kValues; ++i) numbers[i].value = i;
  Tree tree;
  std::set<int> expected;
  std::mt19937 random(1);
  for (int step = 0; step < 20000; ++step) {
    Number& one = numbers[random() % kValues];
    if (expected.erase(one.value) != 0) {
      tree.Erase(&one);
    } else {
      expected.insert(one.value);
      tree.Insert(&one);
    }
    const int key = static_cast<int>(random() % (kValues + 2)) - 1;
    const auto not_before = expected.lower_bound(key);
    ASSERT_EQ(ValueOf(tree.NotBefore(key)), not_before != expected.end() ? *not_before : -1);
    ASSERT_EQ(ValueOf(tree.LastBefore(key)),
              not_before != expected.begin() ? *std::prev(not_before) : -1);
    ASSERT_EQ(tree.empty(), expected.empty());
  }
}

TEST(IntrusiveTree, BeginsAnewWhenItIsCleared) {
  std::deque<Number> numbers(100);
  Tree tree;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) {
      numbers[i].value = i * (round == 0 ? 1 : -1);
      tree.Insert(&numbers[i]);
    }
    EXPECT_EQ(tree.NotBefore(-1000)->value, round == 0 ? 0 : -99);
    tree.Clear();
    EXPECT_EQ(tree.NotBefore(-1000), nullptr);
  }
}

// Neighbours in memory, inserted in order: an unbalanced tree would become a list.
TEST(IntrusiveTree, TakesFewStepsHoweverManyItHolds) {
  constexpr int kMany = 100'000;
  std::deque<Number> numbers(kMany);
  Tree tree;
  for (int i = 0; i < kMany; ++i) {
    numbers[i].value = i;
    comparisons = 0;
    tree.Insert(&numbers[i]);
    ASSERT_LT(comparisons, 100);
  }
  for (int i = 0; i < kMany; ++i) {
    comparisons = 0;
    ASSERT_EQ(tree.NotBefore(i), &numbers[i]);
    ASSERT_LT(comparisons, 100);
  }
  for (int i = 0; i < kMany; i += 2) {
    comparisons = 0;
    tree.Erase(&numbers[i]);
    ASSERT_LT(comparisons, 100);
  }
}

}  // namespace
}  // namespace alkaid::internal
