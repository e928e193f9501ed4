# Man pages and completion, which the command that was built makes from its own description. A cross
# build that cannot run it has none.
include_guard(GLOBAL)

if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
  message(STATUS "alkaid's man pages and completion: none, as its command cannot be run here")
  return()
endif()

set(docs "${PROJECT_BINARY_DIR}/command_docs")
set(command ${CMAKE_CROSSCOMPILING_EMULATOR} "$<TARGET_FILE:alkaid_command>")
# A part of building the command, so that what can be installed is there whichever targets are built.
add_custom_command(TARGET alkaid_command POST_BUILD VERBATIM
  COMMAND "${CMAKE_COMMAND}" -E rm -rf "${docs}"
  COMMAND "${CMAKE_COMMAND}" -E make_directory "${docs}/man1"
  COMMAND ${command} man-pages "${docs}/man1"
  COMMAND ${command} completion bash > "${docs}/alkaid"
  COMMAND ${command} completion zsh > "${docs}/_alkaid"
  COMMAND ${command} completion fish > "${docs}/alkaid.fish"
  COMMENT "Making the man pages and the completion of alkaid")

install(DIRECTORY "${docs}/man1" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT runtime)
install(FILES "${docs}/alkaid" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions"
        COMPONENT runtime)
install(FILES "${docs}/_alkaid" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/site-functions"
        COMPONENT runtime)
install(FILES "${docs}/alkaid.fish" DESTINATION "${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d"
        COMPONENT runtime)
