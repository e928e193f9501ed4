/* replacing_program FIRST.so SECOND.so [FOLDER]: loads a plug-in that allocates ten blocks, unloads it,
   goes to the folder, and loads another, which lands where the first was and allocates three; for tests
   of what names they have. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void* kept[13];

static void* use(const char* plugin, int first, int last, size_t size, void** place) {
  void* const library = dlopen(plugin, RTLD_NOW);
  if (library == NULL) return NULL;
  void* (*make)(size_t) = NULL;
  *place = dlsym(library, "alkaid_plugin_make");
  *(void**)&make = *place;
  for (volatile int i = first; i < last; ++i) kept[i] = make(size);
  return library;
}

int main(int argc, char** argv) {
  void* place[2] = {NULL, NULL};
  if (argc < 3) return 1;
  void* const first = use(argv[1], 0, 10, 111000, &place[0]);
  if (first == NULL || dlclose(first) != 0) return 2;
  if (argc > 3 && chdir(argv[3]) != 0) return 4;
  if (use(argv[2], 10, 13, 222000, &place[1]) == NULL) return 3;
  puts(place[0] == place[1] ? "the same place" : "another place");
  return 0;
}
