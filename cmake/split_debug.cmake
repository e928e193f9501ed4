# What the install step runs (AlkaidInstall): `name` was built in the folder `built` and installed into
# the folder `installed`. `aside`, in the build tree, keeps its debug file.
include_guard(GLOBAL)

# The debug file: sources, lines and types, and all symbols. Made once for each build.
function(alkaid_make_debug_file objcopy built aside name)
  if(NOT EXISTS "${built}/${name}")
    message(FATAL_ERROR "${built}/${name} is not built")
  endif()
  if("${aside}/${name}.debug" IS_NEWER_THAN "${built}/${name}" AND EXISTS "${aside}/${name}.debug")
    return()
  endif()
  file(MAKE_DIRECTORY "${aside}")
  execute_process(
    COMMAND "${objcopy}" --only-keep-debug --compress-debug-sections "${built}/${name}"
            "${aside}/${name}.debug"
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Takes out of the installed file what the debug file has, and leaves a note in it where that is looked
# for: beside it, in .debug/ beside it, and below gdb's debug-file-directory.
function(alkaid_strip_installed objcopy built installed aside name flag)
  alkaid_make_debug_file("${objcopy}" "${built}" "${aside}" "${name}")
  execute_process(
    COMMAND "${objcopy}" "${flag}" --remove-section=.gnu_debuglink
            "--add-gnu-debuglink=${aside}/${name}.debug" "${installed}/${name}"
    COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(alkaid_install_debug_file objcopy built installed aside name)
  alkaid_make_debug_file("${objcopy}" "${built}" "${aside}" "${name}")
  file(INSTALL "${aside}/${name}.debug" DESTINATION "${installed}/.debug")
endfunction()
