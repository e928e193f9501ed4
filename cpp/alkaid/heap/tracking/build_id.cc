#include <elf.h>
#include <link.h>

#include <cstring>

#include "alkaid/heap/tracking/build_id_internal.h"
#include "alkaid/heap/tracking/mapped_memory_internal.h"

namespace alkaid::heap {

std::span<const uint8_t> BuildIdInNotes(std::span<const uint8_t> notes, size_t alignment) {
  const auto padded = [alignment](uint64_t length) {
    return (length + alignment - 1) & ~(uint64_t{alignment} - 1);
  };
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) note;
    std::memcpy(&note, notes.data(), sizeof(note));
    const uint64_t name = sizeof(note);
    // Padding counts from the start of the note, since its head's size is no multiple of 8.
    const uint64_t descriptor = padded(name + note.n_namesz);
    const uint64_t next = padded(descriptor + note.n_descsz);
    if (descriptor + note.n_descsz > notes.size()) break;
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
        std::memcmp(notes.data() + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0) {
      return notes.subspan(descriptor, note.n_descsz);
    }
    if (next >= notes.size()) break;
    notes = notes.subspan(next);
  }
  return {};
}

std::span<const uint8_t> BuildIdOfMapped(uint64_t start, uint64_t end, uint64_t bias) {
  ElfW(Ehdr) file;
  if (end - start < kPageSize) return {};
  std::memcpy(&file, reinterpret_cast<const void*>(start), sizeof(file));
  if (std::memcmp(file.e_ident, ELFMAG, SELFMAG) != 0 || file.e_phentsize != sizeof(ElfW(Phdr)) ||
      file.e_phoff > kPageSize || file.e_phnum > (kPageSize - file.e_phoff) / sizeof(ElfW(Phdr))) {
    return {};
  }
  const std::span headers(reinterpret_cast<const ElfW(Phdr)*>(start + file.e_phoff), file.e_phnum);
  for (const ElfW(Phdr) & notes : headers) {
    if (notes.p_type != PT_NOTE) continue;
    // Parts of the range from start to end may be unmapped.
    for (const ElfW(Phdr) & loaded : headers) {
      if (loaded.p_type != PT_LOAD || (loaded.p_flags & PF_R) == 0 ||
          notes.p_vaddr < loaded.p_vaddr || loaded.p_filesz < notes.p_filesz ||
          notes.p_vaddr - loaded.p_vaddr > loaded.p_filesz - notes.p_filesz) {
        continue;
      }
      const auto found =
          BuildIdInNotes({reinterpret_cast<const uint8_t*>(bias + notes.p_vaddr), notes.p_filesz},
                         notes.p_align == 8 ? 8 : 4);
      if (!found.empty()) return found;
    }
  }
  return {};
}

}  // namespace alkaid::heap
