// The files that the program in C reads.
#include "alkaid/c/c_program_check.h"
#include "fixtures/run_files.h"

extern "C" void write_run_files(const char* folder) { alkaid::events::RunFiles::WriteTo(folder); }
