/* A plugin whose frames depend on ALKAID_FRAME_BYTES, and nothing else: built twice, for a test that
   unloads one and loads the other at the same place. */
void alkaid_plugin_call(void (*function)(void));

static void __attribute__((noinline)) call_with_frame(void (*function)(void)) {
  volatile char frame[ALKAID_FRAME_BYTES];
  frame[0] = 1;
  function();
  (void)frame[0];
}

__attribute__((visibility("default"))) void alkaid_plugin_call(void (*function)(void)) {
  call_with_frame(function);
  __asm__ volatile("");
}
