#include <dlfcn.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <string_view>

#include "alkaid/base/fork_guard_internal.h"
#include "alkaid/base/notice_internal.h"
#include "alkaid/heap/tracking/confinement_internal.h"
#include "alkaid/heap/tracking/python_frames_internal.h"
#include "alkaid/heap/tracking/python_text_internal.h"
#include "alkaid/heap/tracking/tracking_thread_internal.h"

namespace alkaid::heap {
namespace {

constexpr uint64_t kUserAddresses = uint64_t{1} << 56;
constexpr uint64_t kPage = 4096;

bool IsAligned(uint64_t address) {
  return address != 0 && address < kUserAddresses && address % sizeof(uint64_t) == 0;
}

// The words of a code object that identify it and lead to its names.
struct CodeNames {
  uint64_t file;
  uint64_t name;
  uint64_t qualified_name;
  uint64_t lines;
};

// A function on the stack.
struct Function {
  uint64_t code;
  uint64_t instruction;
  bool of_generator;
};

uint64_t KeyOf(const Function& function, const CodeNames& names) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
  uint64_t hash = 0;
  for (const uint64_t word :
       {function.code, function.instruction, names.file, names.qualified_name, names.lines}) {
    hash = (std::rotl(hash, 23) ^ word) * kFactor;
  }
  return (hash ^ (hash >> 32)) | 1;
}

// memcpy from memory that another thread may be changing.
[[gnu::noinline]] __attribute__((no_sanitize("address", "thread"))) void CopyBytes(uint64_t address,
                                                                                   void* to,
                                                                                   uint64_t size) {
  const auto* const from = reinterpret_cast<const volatile char*>(address);
  auto* const into = static_cast<char*>(to);
  uint64_t at = 0;
  for (; at + sizeof(uint64_t) <= size; at += sizeof(uint64_t)) {
    const uint64_t word = *reinterpret_cast<const volatile uint64_t*>(from + at);
    std::memcpy(into + at, &word, sizeof(word));
  }
  for (; at < size; ++at) into[at] = from[at];
}

// Reads memory after asking the kernel whether its page is mapped: one system call for each page of
// a walk, which takes a tenth of the time of letting the kernel copy. The thread's own stack needs
// no question.
class CheckedMemory {
 public:
  CheckedMemory(uint64_t stack_start, uint64_t stack_end)
      : stack_start_(stack_start), stack_end_(stack_end) {}

  bool Read(uint64_t address, void* to, uint64_t size) {
    if ((address < stack_start_ || address + size > stack_end_) && !AreThere(address, size)) {
      return false;
    }
    CopyBytes(address, to, size);
    return true;
  }

 private:
  bool AreThere(uint64_t address, uint64_t size) {
    for (uint64_t page = address / kPage; page <= (address + size - 1) / kPage; ++page) {
      uint64_t& known = known_[page % std::size(known_)];
      if (known == page && page != 0) continue;
      if (!IsReadable(page * kPage)) return false;
      known = page;
    }
    return true;
  }

  const uint64_t stack_start_;
  const uint64_t stack_end_;
  uint64_t known_[32] = {};
};

bool IsKnownRelease(uint64_t version) { return ((version >> 4) & 0xf) >= 0xc; }

}  // namespace

// The Python functions of the thread, innermost first: the calls of the interpreter's loop one by
// one, each with its functions.
class PythonFrames::Walk {
 public:
  Walk(const PythonFrames& of, const PythonLayout& layout, uint64_t state, size_t most,
       CheckedMemory memory)
      : layout_(layout),
        interpreter_(of.interpreter_),
        places_(of.places_),
        most_(most),
        memory_(memory) {
    uint64_t first = 0;
    if (!Word(state + layout_.thread_frames, &first)) return;
    (layout_.has_calls ? next_call_ : next_frame_) = first;
  }

  // Goes to the next call, outwards. False if there is none.
  bool NextCall() {
    steps_ = 0;
    ended_ = false;
    if (layout_.has_calls) {
      place_ = next_call_;
      return IsAligned(place_) && Word(place_ + layout_.call_frame, &frame_) &&
             Word(place_ + layout_.call_previous, &next_call_) && frame_ != 0;
    }
    frame_ = next_frame_;
    return frame_ != 0 && FindEnd();
  }
  // Address of the call's record on the C stack; 0: not found.
  uint64_t place() const { return place_; }

  // Fills `addresses` with the functions of the call. Returns how many.
  size_t Functions(std::span<uint64_t> addresses) {
    size_t count = 0;
    Function function;
    while (count < addresses.size() && NextFunction(&function)) {
      CodeNames names;
      if (!IsAligned(function.code) ||
          !memory_.Read(function.code + kCodeNames, &names, sizeof(names))) {
        break;
      }
      const uint64_t key = KeyOf(function, names);
      const TrackedPythonPlace* place = places_->Find(key);
      if (place == nullptr) place = AddPlace(key, function, names);
      if (place == nullptr) break;
      const bool whole = place->text.load(std::memory_order_acquire) != nullptr;
      if (!whole || place->line != kHiddenLine) addresses[count++] = places_->AddressOf(place);
    }
    return count;
  }

 private:
  struct Frame {
    uint64_t previous;
    Function function;
    uint8_t owner;
    bool is_entry;
  };

  bool Word(uint64_t address, uint64_t* word) {
    return IsAligned(address) && memory_.Read(address, word, sizeof(*word));
  }

  bool ReadFrame(uint64_t address, Frame* frame) {
    constexpr uint64_t kFrameBytes = 72;
    std::array<char, kFrameBytes> bytes;
    if (!IsAligned(address) || !memory_.Read(address, bytes.data(), bytes.size())) return false;
    const auto word = [&](uint16_t at) {
      uint64_t value;
      std::memcpy(&value, bytes.data() + at, sizeof(value));
      return value;
    };
    frame->previous = word(layout_.frame_previous);
    frame->owner = static_cast<uint8_t>(bytes[layout_.frame_owner]);
    frame->is_entry = layout_.frame_is_entry != 0 && bytes[layout_.frame_is_entry] != 0;
    frame->function = {word(layout_.frame_code), word(layout_.frame_instruction),
                       frame->owner == kOwnedByGenerator};
    return true;
  }

  // For a version without a chain of calls: the last frame of the call is its place.
  bool FindEnd() {
    place_ = next_frame_ = 0;
    uint64_t address = frame_;
    Frame frame;
    for (size_t i = 0; i <= most_ && ReadFrame(address, &frame); ++i) {
      if (frame.owner == kOwnedByCStack) {
        place_ = address;
        next_frame_ = frame.previous;
        return true;
      }
      address = frame.previous;
    }
    return true;
  }

  bool NextFunction(Function* function) {
    Frame frame;
    // A cycle comes back to `seen_`, the frame of the last step that was a power of two.
    if (ended_ || ++steps_ > 4 * most_ || frame_ == seen_ || !ReadFrame(frame_, &frame))
      return false;
    if (std::has_single_bit(steps_)) seen_ = frame_;
    if (layout_.frame_is_entry == 0 && frame.owner >= kOwnedByCStack) return false;
    ended_ = frame.is_entry;
    frame_ = frame.previous;
    *function = frame.function;
    return true;
  }

  // Null if this is no code object, or if there is no room.
  [[gnu::noinline]] const TrackedPythonPlace* AddPlace(uint64_t key, const Function& function,
                                                       const CodeNames& names) {
    uint64_t type = 0;
    uint64_t units = 0;
    int32_t first_line = 0;
    int32_t first_traceable = 0;
    const uint64_t code = function.code;
    if (!ReadOwnMemory(code + kPythonType, &type, sizeof(type)) || type != interpreter_.code_type ||
        !ReadOwnMemory(code + kPythonSize, &units, sizeof(units)) ||
        !ReadOwnMemory(code + layout_.code_first_line, &first_line, sizeof(first_line)) ||
        !ReadOwnMemory(code + layout_.code_first_traceable, &first_traceable,
                       sizeof(first_traceable))) {
      return nullptr;
    }
    constexpr uint64_t kUnit = 2;
    const uint64_t start = code + layout_.code_instructions;
    const bool before = function.instruction < start;
    const uint64_t unit = before ? 0 : (function.instruction - start) / kUnit;
    // A function that has not begun yet, or a frame of the interpreter's own.
    if (before || (!function.of_generator && static_cast<int64_t>(unit) < first_traceable)) {
      return places_->Add(key, "", "", kHiddenLine);
    }
    PythonText file;
    PythonText name;
    if (unit >= units || !file.Read(names.file, interpreter_.unicode_type, layout_, true) ||
        !name.Read(names.qualified_name, interpreter_.unicode_type, layout_, false)) {
      return nullptr;
    }
    return places_->Add(key, file.text(), name.text(), PythonLineOf(names.lines, unit, first_line));
  }

  const PythonLayout& layout_;
  const Interpreter& interpreter_;
  PythonPlaces* const places_;
  const size_t most_;
  CheckedMemory memory_;
  uint64_t next_call_ = 0;
  uint64_t next_frame_ = 0;
  uint64_t frame_ = 0;
  uint64_t place_ = 0;
  uint64_t seen_ = 0;
  size_t steps_ = 0;
  bool ended_ = false;
};

void PythonFrames::Look() {
  const auto address = [](const char* name) {
    return reinterpret_cast<uint64_t>(::dlsym(RTLD_DEFAULT, name));
  };
  found_.thread_state = reinterpret_cast<void* (*)()>(address("PyGILState_GetThisThreadState"));
  if (found_.thread_state == nullptr) return;
  if (const uint64_t version = address("Py_Version"); version != 0) {
    found_.version = *reinterpret_cast<const unsigned long*>(version);
  }
  found_.free_threaded = address("_Py_MergeZeroLocalRefcount") != 0;
  found_.code_type = address("PyCode_Type");
  found_.unicode_type = address("PyUnicode_Type");
  Dl_info info;
  const ElfW(Sym)* symbol = nullptr;
  found_.loop_start = address("_PyEval_EvalFrameDefault");
  if (found_.loop_start != 0 &&
      ::dladdr1(reinterpret_cast<void*>(found_.loop_start), &info,
                reinterpret_cast<void**>(const_cast<ElfW(Sym)**>(&symbol)), RTLD_DL_SYMENT) != 0 &&
      symbol != nullptr) {
    found_.loop_end = found_.loop_start + symbol->st_size;
  }
  if (::dladdr(reinterpret_cast<void*>(found_.thread_state), &info) != 0) {
    ::dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  }
}

bool PythonFrames::Find() {
  if (layout_.load(std::memory_order_relaxed) != nullptr) return true;  // in use by threads
  if (found_.thread_state == nullptr && internal::ForkGeneration() == 0) Look();
  // Not if IsReadable does not work on this kernel.
  const uint64_t there = reinterpret_cast<uint64_t>(this) / kPage * kPage;
  return found_.thread_state != nullptr && !IsReadable(sizeof(void*)) && IsReadable(there) &&
         Use(found_);
}

bool PythonFrames::Use(const Interpreter& interpreter) {
  const uint64_t version = interpreter.version;
  if (IsKnownRelease(version) && !interpreter.free_threaded) {
    const auto* const known =
        std::ranges::find(kPythonLayouts, version >> 16, &PythonLayout::version);
    if (known != std::end(kPythonLayouts)) {
      if (!places_->Open()) return false;
      interpreter_ = interpreter;
      layout_.store(known, std::memory_order_release);
      return true;
    }
  }
  if (!said_.exchange(true)) {
    constexpr char kKnown[] = " is not supported; 3.11 to 3.13 with the global lock are";
    if (version == 0) {
      internal::Notice("no lines of Python in stack traces: this Python, older than 3.11,", kKnown);
    } else {
      internal::Notice("no lines of Python in stack traces: Python ", version >> 24, ".",
                       (version >> 16) & 0xff, ".", (version >> 8) & 0xff,
                       IsKnownRelease(version) ? "" : " (before its release)",
                       interpreter.free_threaded ? " without the global lock" : "", kKnown);
    }
  }
  return false;
}

size_t PythonFrames::Weave(std::span<const uint64_t> frames, const uint64_t* stack_pointers,
                           std::span<uint64_t> woven) {
  size_t count = 0;
  size_t next = 0;  // native frame
  const auto take_natives = [&](size_t end) {
    for (; next < end && count < woven.size(); ++next) woven[count++] = frames[next];
  };
  const PythonLayout* const layout = layout_.load(std::memory_order_acquire);
  void* const state = layout != nullptr ? interpreter_.thread_state() : nullptr;
  if (state != nullptr && !frames.empty() && MayWriteHeapFiles()) {
    Walk walk(*this, *layout, reinterpret_cast<uint64_t>(state), woven.size(),
              CheckedMemory(stack_pointers[0], stack_pointers[frames.size() - 1]));
    while (count < woven.size() && walk.NextCall()) {
      const auto holds = [&](size_t at) {
        if (walk.place() != 0 && at + 1 < frames.size()) {
          return stack_pointers[at] <= walk.place() && walk.place() < stack_pointers[at + 1];
        }
        return interpreter_.loop_start < frames[at] && frames[at] <= interpreter_.loop_end;
      };
      size_t at = next;
      while (at < frames.size() && !holds(at)) ++at;
      // Beyond the last native frame: the unwinder stopped in code that it does not know.
      const bool beyond = at == frames.size();
      if (beyond && walk.place() < stack_pointers[at - 1]) break;
      take_natives(at);
      const size_t functions = walk.Functions(woven.subspan(count));
      count += functions;
      if (beyond && functions == 0) break;
      if (!beyond && functions != 0) ++next;  // leaves out the interpreter's native frame
    }
  }
  take_natives(frames.size());
  return count;
}

}  // namespace alkaid::heap
