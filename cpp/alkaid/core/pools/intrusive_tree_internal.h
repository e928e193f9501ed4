// An ordered set of objects that carry the tree's links themselves, so that inserting one takes no
// memory and cannot fail.
//
// A treap: a search tree by Before, and a heap by a number mixed from each object's address.
// Finding, inserting and erasing take a logarithmic number of steps.
//
//   struct Before {
//     bool operator()(const T& a, const T& b) const;    // a total order
//     bool operator()(const T& a, const Key& b) const;  // for NotBefore and LastBefore
//   };
//
// Ownership: borrows the objects, which neither move nor change their place in the order while they
// are in the tree. Threads: as a container.
#pragma once

#include <cstdint>

namespace alkaid::internal {

template <typename T>
struct TreeLinks {
  T* left = nullptr;
  T* right = nullptr;
  uint64_t height = 0;  // in the heap
};

template <typename T, TreeLinks<T> T::*kLinks, typename Before>
class IntrusiveTree {
 public:
  bool empty() const { return root_ == nullptr; }
  // Forgets all objects, whatever their links contain.
  void Clear() { root_ = nullptr; }

  // The object must not be in the tree.
  void Insert(T* object) {
    (object->*kLinks).height = Height(object);
    T** place = &root_;
    while (*place != nullptr && !IsAbove(object, *place)) {
      place = Before()(**place, *object) ? &Right(*place) : &Left(*place);
    }
    // The subtree that was there is split into the object's two sides.
    T* rest = *place;
    *place = object;
    T** before = &Left(object);
    T** after = &Right(object);
    while (rest != nullptr) {
      T**& side = Before()(*rest, *object) ? before : after;
      T*& next = &side == &before ? Right(rest) : Left(rest);
      *side = rest;
      side = &next;
      rest = next;
    }
    *before = nullptr;
    *after = nullptr;
  }

  // The object must be in the tree.
  void Erase(T* object) {
    T** place = &root_;
    while (*place != object) {
      place = Before()(**place, *object) ? &Right(*place) : &Left(*place);
    }
    // Its two sides are joined in its place.
    T* before = Left(object);
    T* after = Right(object);
    while (before != nullptr && after != nullptr) {
      const bool before_is_above = IsAbove(before, after);
      T*& upper = before_is_above ? before : after;
      *place = upper;
      place = before_is_above ? &Right(upper) : &Left(upper);
      upper = *place;
    }
    *place = before != nullptr ? before : after;
  }

  // The first object that is not before the key, or null.
  template <typename Key>
  T* NotBefore(const Key& key) const {
    T* found = nullptr;
    for (T* at = root_; at != nullptr;) {
      if (Before()(*at, key)) {
        at = Right(at);
      } else {
        found = at;
        at = Left(at);
      }
    }
    return found;
  }

  // The last object that is before the key, or null.
  template <typename Key>
  T* LastBefore(const Key& key) const {
    T* found = nullptr;
    for (T* at = root_; at != nullptr;) {
      if (Before()(*at, key)) {
        found = at;
        at = Right(at);
      } else {
        at = Left(at);
      }
    }
    return found;
  }

 private:
  static T*& Left(T* object) { return (object->*kLinks).left; }
  static T*& Right(T* object) { return (object->*kLinks).right; }

  // A strict order: of two objects, always the same one is above the other.
  static bool IsAbove(const T* a, const T* b) {
    const uint64_t height_a = (a->*kLinks).height;
    const uint64_t height_b = (b->*kLinks).height;
    return height_a != height_b ? height_a > height_b : a > b;
  }
  // Addresses of neighbours differ in few bits: each bit has to affect all bits of the height.
  static uint64_t Height(const T* object) {
    uint64_t bits = reinterpret_cast<uintptr_t>(object);
    for (int i = 0; i < 2; ++i) {
      bits ^= bits >> 32;
      bits *= 0x9e3779b97f4a7c15u;
    }
    return bits ^ (bits >> 32);
  }

  T* root_ = nullptr;
};

}  // namespace alkaid::internal
