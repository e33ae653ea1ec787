# Headers that nearly every file reads, read once: mw_words for sources, mw_test_words for tests.
# Off in the dev preset, so that a file which forgets an include is found there.
option(MW_PRECOMPILE "precompile the headers that most files share" OFF)

set(MW_WORDS <algorithm> <chrono> <cstdint> <functional> <map> <memory> <optional> <set> <span> <string>
    <string_view> <utility> <vector> "${CMAKE_SOURCE_DIR}/src/base/json.h"
    "${CMAKE_SOURCE_DIR}/src/base/clock.h" "${CMAKE_SOURCE_DIR}/src/base/bytes.h"
    "${CMAKE_SOURCE_DIR}/src/base/result.h" "${CMAKE_SOURCE_DIR}/src/platform/loop/loop.h")

function(mw_precompiled_library name)
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp.new "// Carries a precompiled header.\n")
  configure_file(${CMAKE_BINARY_DIR}/${name}.cpp.new ${CMAKE_BINARY_DIR}/${name}.cpp COPYONLY)
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()

# Under sanitizers a test's own code takes twice as long to optimise as it then saves.
function(mw_compile_as_test target)
  if(MW_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()

if(MW_PRECOMPILE)
  # ccache wants to see through the precompiled header.
  add_compile_options(-Winvalid-pch -fpch-preprocess)
  mw_precompiled_library(mw_words ${MW_WORDS})
  mw_precompiled_library(mw_test_words ${MW_WORDS} <gmock/gmock.h> <gtest/gtest.h>)
  mw_compile_as_test(mw_test_words)
endif()

# mw_precompile(TARGET WORDS): TARGET reads the headers of WORDS precompiled, where that is on.
function(mw_precompile target words)
  if(MW_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${words})
  endif()
endfunction()
