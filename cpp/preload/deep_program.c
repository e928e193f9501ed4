/* Loads the plug-in deep_plugin.c, by a path or by a name alone. Words after it: lazy or now, and deep
   for RTLD_DEEPBIND. Gives it 200 blocks to free, of 300,000 bytes and more, and lets it keep 100 of
   70,000 bytes, ten of 70,001 that have grown, and ten of 70,002. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void* volatile keep[120];

int main(int argc, char** argv) {
  int mode = 0;
  for (int i = 2; i < argc; ++i) {
    if (strcmp(argv[i], "lazy") == 0) mode |= RTLD_LAZY;
    if (strcmp(argv[i], "now") == 0) mode |= RTLD_NOW;
    if (strcmp(argv[i], "deep") == 0) mode |= RTLD_DEEPBIND;
  }
  void* const library = dlopen(argv[1], mode);
  if (library == NULL) {
    puts(dlerror());
    return 1;
  }
  void (*release)(void*) = dlsym(library, "release");
  void* (*make)(size_t) = dlsym(library, "make");
  void* (*grow)(void*, size_t) = dlsym(library, "grow");
  void (*release_elsewhere)(void*) = dlsym(library, "release_elsewhere");
  void* (*make_elsewhere)(size_t) = dlsym(library, "make_elsewhere");
  for (int i = 0; i < 200; ++i) {
    void* volatile block = malloc(300000 + i);
    i % 2 == 0 ? release(block) : release_elsewhere(block);
  }
  for (int i = 0; i < 100; ++i) keep[i] = make(70000);
  for (int i = 100; i < 110; ++i) keep[i] = grow(malloc(300), 70001);
  for (int i = 110; i < 120; ++i) keep[i] = make_elsewhere(70002);
  for (int i = 0; i < 10; ++i) free(make(300500));
  puts("ok");
  return 0;
}
