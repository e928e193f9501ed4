#include "tools/heap/heap_symbols.h"

#include <algorithm>
#include <climits>
#include <string_view>
#include <utility>

#include "alkaid/base/number_text.h"
#include "alkaid/base/printable_text.h"
#include "alkaid/core/files/open_input.h"
#include "tools/heap/heap_text.h"

#if ALKAID_HAVE_LIBDW
#include <cxxabi.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <new>

#include "tools/heap/class_sizes.h"
#include "tools/heap/code_units.h"
#include "tools/heap/openable_file.h"
#include "tools/heap/rust_names.h"
#endif

namespace alkaid::tools {

#if ALKAID_HAVE_LIBDW

bool HeapSymbols::CanName() { return true; }

namespace {

// Where libdw has no memory for a section it takes the section as missing. If the whole file can be
// mapped, libdw maps it, and no section needs memory of its own.
bool CanBeMapped(int fd) {
  struct stat info;
  if (::fstat(fd, &info) != 0 || info.st_size == 0) return true;
  const auto size = static_cast<size_t>(info.st_size);
  void* const mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (mapped == MAP_FAILED) return errno != ENOMEM;
  ::munmap(mapped, size);
  return true;
}

// The user data of a module in libdw point here if its debugging information could not be mapped.
char no_memory_for_debuginfo;

// Must be called after each look-up that found nothing: libdw gives the same answer without memory,
// and code would seem to have no name.
void ThrowIfOutOfMemory(::Dwfl_Module* module) {
  void** data = nullptr;
  ::dwfl_module_info(module, &data, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  if (data != nullptr && *data == &no_memory_for_debuginfo) throw std::bad_alloc();
  for (const char* const text : {::dwfl_errmsg(::dwfl_errno()), ::dwarf_errmsg(::dwarf_errno())}) {
    if (text != nullptr && std::string_view(text).find("memory") != std::string_view::npos) {
      throw std::bad_alloc();
    }
  }
}

void ForgetErrors() {
  ::dwfl_errno();
  ::dwarf_errno();
}

// Like libdw's function, but refuses a pipe or a device as the file of the debugging information:
// libdw would open it and wait.
int FindDebuginfo(::Dwfl_Module* module, void** data, const char* name, ::Dwarf_Addr base,
                  const char* file, const char* link, GElf_Word checksum, char** found) {
  if (link != nullptr && file != nullptr) {
    const std::string path = file;
    const std::string folder = path.substr(0, path.rfind('/') + 1);
    for (const std::string& candidate :
         {std::string(link), folder + link, folder + ".debug/" + link,
          "/usr/lib/debug/" + folder + link, "/usr/lib/debug/" + std::string(link)}) {
      if (!IsRegularOrMissing(candidate)) return -1;
    }
  }
  const int fd =
      ::dwfl_standard_find_debuginfo(module, data, name, base, file, link, checksum, found);
  if (fd < 0 || CanBeMapped(fd)) return fd;
  ::close(fd);
  *data = &no_memory_for_debuginfo;
  return -1;
}

}  // namespace

// libdw's view of one file, at the address where the process had it.
struct HeapSymbols::Module {
  Module() = default;
  ~Module() {
    if (dwfl != nullptr) ::dwfl_end(dwfl);
    std::free(debuginfo_path);
  }
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  // Loads the file; returns why it cannot be used, or "".
  std::string Load(const heap::HeapModule& of) {
    callbacks.find_debuginfo = FindDebuginfo;
    callbacks.section_address = ::dwfl_offline_section_address;
    callbacks.debuginfo_path = &debuginfo_path;
    // The path comes from a heap file: a pipe is refused, not waited for.
    const int fd = io::OpenInput(of.path.c_str());
    // The kernel's own page, and files that were deleted since.
    if (fd < 0 && errno == ENOMEM) throw std::bad_alloc();
    if (fd < 0) return "it cannot be read here";
    const std::string why = Report(fd, of);
    // libdw keeps the descriptor if it can use it.
    if (module == nullptr) ::close(fd);
    return why.empty() ? CheckBuildId(of) : why;
  }

  ::Dwfl_Callbacks callbacks = {};
  char* debuginfo_path = nullptr;
  ::Dwfl* dwfl = nullptr;
  ::Dwfl_Module* module = nullptr;
  // Adds the names of the code at this address, for which `places` has one entry.
  void AddNames(uint64_t address, std::vector<CodePlace>* places);
  // Sizes of the class of that name; empty where they are not known.
  std::vector<uint64_t> SizesOf(const std::string& name);

 private:
  // Null where the file has no debugging information.
  ::Dwarf* FindDwarf();
  CodeUnits::Unit* UnitAt(uint64_t address, uint64_t* own);
  // Made at the first request.
  std::unique_ptr<CodeUnits> units_;
  std::unique_ptr<ClassSizes> class_sizes_;
  ::Dwarf_Addr dwarf_bias_ = 0;

  std::string Report(int fd, const heap::HeapModule& of) {
    struct stat info;
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return "it is not a regular file";
    if (!CanBeMapped(fd)) throw std::bad_alloc();
    dwfl = ::dwfl_begin(&callbacks);
    if (dwfl == nullptr) throw std::bad_alloc();
    ForgetErrors();
    ::dwfl_report_begin(dwfl);
    module = ::dwfl_report_elf(dwfl, of.path.c_str(), of.path.c_str(), fd, of.bias, true);
    const std::string error = module == nullptr ? ::dwfl_errmsg(-1) : "";
    if (error.find("memory") != std::string::npos) throw std::bad_alloc();
    ::dwfl_report_end(dwfl, nullptr, nullptr);
    return error;
  }

  std::string CheckBuildId(const heap::HeapModule& of) {
    const unsigned char* bits = nullptr;
    GElf_Addr address = 0;
    const int length = ::dwfl_module_build_id(module, &bits, &address);
    const std::string build_id(reinterpret_cast<const char*>(bits),
                               length > 0 ? static_cast<size_t>(length) : 0);
    if (build_id == of.build_id) return "";
    module = nullptr;
    return "it is no longer the file that the process had: its build-id differs";
  }
};

namespace {

std::string Demangled(std::string_view symbol) {
  // Without the version: "__libc_start_main@@GLIBC_2.34".
  const std::string name(symbol.substr(0, symbol.find('@')));
  if (std::string rust = RustName(name); !rust.empty()) return rust;
  // Any other name is a function's as it is: the demangler would take "f" for the type float.
  if (!name.starts_with("_Z")) return name;
  int failed = 0;
  char* const demangled = abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &failed);
  constexpr int kNoMemory = -1;
  if (failed == kNoMemory) throw std::bad_alloc();
  std::string text = failed == 0 && demangled != nullptr ? ShortFunctionName(demangled) : name;
  std::free(demangled);
  return text;
}

std::string FunctionOf(::Dwarf_Die* die) {
  EnsureRoomForTables();  // of the unit that contains it
  ::Dwarf_Attribute memory;
  for (const unsigned int attribute : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name}) {
    const char* name = ::dwarf_formstring(::dwarf_attr_integrate(die, attribute, &memory));
    if (name != nullptr) return Demangled(name);
  }
  const char* name = ::dwarf_diename(die);
  return name == nullptr ? "" : name;
}

// The place in the source where an inlined function was called.
void SetCaller(::Dwarf_Die* inlined, ::Dwarf_Files* files, CodePlace* caller) {
  ::Dwarf_Attribute memory;
  ::Dwarf_Word file = 0;
  ::Dwarf_Word line = 0;
  ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_file, &memory), &file);
  ::dwarf_formudata(::dwarf_attr(inlined, DW_AT_call_line, &memory), &line);
  const char* path = files == nullptr ? nullptr : ::dwarf_filesrc(files, file, nullptr, nullptr);
  caller->file = path == nullptr ? "" : path;
  caller->line = static_cast<int>(line);
}

// The function around a place of code, and those inlined there, innermost first. Each has the line
// at which it called the one before.
void AddInlined(::Dwfl_Module* module, CodeUnits::Unit* unit, uint64_t address,
                std::vector<CodePlace>* places) {
  std::vector<::Dwarf_Die> functions = CodeUnits::FunctionsAt(unit, address);
  if (functions.empty()) return ThrowIfOutOfMemory(module);
  ::Dwarf_Files* files = nullptr;
  if (::dwarf_getsrcfiles(&unit->lines, &files, nullptr) != 0) {
    files = nullptr;
    ThrowIfOutOfMemory(module);
  }
  for (; functions.size() > 1; functions.pop_back()) {
    CodePlace caller = places->back();
    places->back().function = FunctionOf(&functions.back());
    places->back().inlined = true;
    SetCaller(&functions.back(), files, &caller);
    places->push_back(std::move(caller));
  }
  places->back().function = FunctionOf(&functions.back());
}

void AddLine(::Dwfl_Module* module, CodeUnits::Unit* unit, uint64_t address, CodePlace* place) {
  ::Dwarf_Line* const line = ::dwarf_getsrc_die(&unit->lines, address);
  if (line == nullptr) return ThrowIfOutOfMemory(module);
  const char* file = ::dwarf_linesrc(line, nullptr, nullptr);
  place->file = file == nullptr ? "" : file;
  ::dwarf_lineno(line, &place->line);
}

// A virtual table begins with the distance to the top of the object, and the type information.
constexpr GElf_Off kVtableHead = 16;

std::string ClassAt(::Dwfl_Module* module, uint64_t address) {
  ForgetErrors();
  GElf_Off offset = 0;
  GElf_Sym symbol;
  const char* const found =
      ::dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr);
  if (found == nullptr) {
    ThrowIfOutOfMemory(module);
    return "";
  }
  constexpr std::string_view kPrefix = "_ZTV";
  const std::string name = found;
  if (!name.starts_with(kPrefix) || offset != kVtableHead || symbol.st_size <= kVtableHead) {
    return "";
  }
  int failed = 0;
  // Only the class is demangled, as a type.
  const std::string type = name.substr(kPrefix.size(), name.find('@') - kPrefix.size());
  char* const demangled = abi::__cxa_demangle(type.c_str(), nullptr, nullptr, &failed);
  constexpr int kNoMemory = -1;
  if (failed == kNoMemory) throw std::bad_alloc();
  std::string text = failed == 0 && demangled != nullptr ? demangled : "";
  std::free(demangled);
  return text;
}

}  // namespace

// `own` receives the address in the module's own addresses; null where no unit has the address.
CodeUnits::Unit* HeapSymbols::Module::UnitAt(uint64_t address, uint64_t* own) {
  if (units_ == nullptr) {
    ::Dwarf* const dwarf = FindDwarf();
    if (dwarf == nullptr) return nullptr;
    units_ = std::make_unique<CodeUnits>(dwarf);
  }
  *own = address - dwarf_bias_;
  return units_->UnitAt(*own);
}

::Dwarf* HeapSymbols::Module::FindDwarf() {
  ::Dwarf* const dwarf = ::dwfl_module_getdwarf(module, &dwarf_bias_);
  if (dwarf == nullptr) ThrowIfOutOfMemory(module);
  return dwarf;
}

std::vector<uint64_t> HeapSymbols::Module::SizesOf(const std::string& name) {
  if (class_sizes_ == nullptr) {
    ForgetErrors();
    ::Dwarf* const dwarf = FindDwarf();
    if (dwarf == nullptr) return {};
    class_sizes_ = std::make_unique<ClassSizes>(dwarf);
  }
  return class_sizes_->Of(name);
}

void HeapSymbols::Module::AddNames(uint64_t address, std::vector<CodePlace>* places) {
  ForgetErrors();
  uint64_t own = 0;
  // Code without debugging information has no line, even if a neighbour's line is near.
  CodeUnits::Unit* const unit = UnitAt(address, &own);
  if (unit == nullptr) {
    ThrowIfOutOfMemory(module);
  } else {
    AddLine(module, unit, own, &places->back());
    AddInlined(module, unit, own, places);
  }
  // The outermost function is that of the symbol table, if it has one.
  GElf_Off offset = 0;
  GElf_Sym symbol;
  const char* name =
      ::dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr);
  if (name == nullptr) return ThrowIfOutOfMemory(module);
  places->back().function = Demangled(name);
}

#else

bool HeapSymbols::CanName() { return false; }
struct HeapSymbols::Module {};

#endif

HeapSymbols::HeapSymbols(const heap::HeapSnapshot& snapshot) : snapshot_(snapshot) {}
HeapSymbols::~HeapSymbols() = default;

HeapSymbols::Module* HeapSymbols::Open(const heap::HeapModule& module) {
  const auto [place, fresh] = modules_.try_emplace(&module);
#if ALKAID_HAVE_LIBDW
  if (fresh) {
    place->second = std::make_unique<Module>();
    const std::string why = place->second->Load(module);
    if (!why.empty())
      complaints_.push_back("no names from " + internal::Printable(module.path) + ": " + why);
  }
#else
  (void)fresh;
#endif
  return place->second.get();
}

const std::vector<CodePlace>& HeapSymbols::Name(uint64_t return_address) {
  const auto [place, fresh] = known_.try_emplace(return_address);
  std::vector<CodePlace>& places = place->second;
  if (!fresh) return places;
  // The call precedes its return address, which may belong to another function.
  const uint64_t address = return_address > 0 ? return_address - 1 : 0;
  CodePlace& code = places.emplace_back();
  code.offset = return_address;
  if (const heap::HeapPythonPlace* python = snapshot_.PythonPlaceOf(return_address)) {
    code.function = python->function.empty() ? "Python" : python->function;
    code.file = python->file;
    code.line = static_cast<int>(std::min<uint32_t>(python->line, INT_MAX));
    return places;
  }
  const heap::HeapModule* module = snapshot_.ModuleOf(address);
  if (module == nullptr) return places;
  code.module = module->path;
  code.offset = return_address - module->bias;
  Module* const opened = Open(*module);
#if ALKAID_HAVE_LIBDW
  if (opened->module != nullptr) opened->AddNames(address, &places);
#else
  (void)opened;
#endif
  return places;
}

VtableClass HeapSymbols::ClassOfVtable(uint64_t word) {
  VtableClass found;
  const heap::HeapModule* module = snapshot_.ModuleOf(word);
  if (module == nullptr) return found;
  Module* const opened = Open(*module);
#if ALKAID_HAVE_LIBDW
  if (opened->module == nullptr) return found;
  found.name = ClassAt(opened->module, word);
  if (!found.name.empty()) found.sizes = opened->SizesOf(found.name);
#else
  (void)opened;
#endif
  return found;
}

}  // namespace alkaid::tools
