# What makes a whole build quick, at the price of slower small ones. Headers that nearly every file reads
# are read once (mw_words for sources, mw_test_words for tests), and the files of a module are compiled
# eight together. Off in the dev preset, so that a file which forgets an include is found there.
option(MW_PRECOMPILE "precompile shared headers, and compile the files of a module together" OFF)

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

if(MW_PRECOMPILE)
  set(CMAKE_UNITY_BUILD ON)
  # GCC takes what is named in a joined file for something that others might include. And a helper that
  # nobody calls any more has lost its callers to another file's of the same name.
  add_compile_options(-Wno-subobject-linkage -Werror=unused-function)
  # ccache wants to see through the precompiled header.
  add_compile_options(-Winvalid-pch -fpch-preprocess)
  mw_precompiled_library(mw_words ${MW_WORDS})
  mw_precompiled_library(mw_test_words ${MW_WORDS} <gmock/gmock.h> <gtest/gtest.h>)
endif()

# mw_precompile(TARGET WORDS): TARGET reads the headers of WORDS precompiled, where that is on.
function(mw_precompile target words)
  if(MW_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM ${words})
  endif()
endfunction()
