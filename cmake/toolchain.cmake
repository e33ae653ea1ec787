# Warnings, sanitizers, a fast linker and a compiler cache. Nothing here is specific to a module.
add_compile_options(-Wall -Wextra -Wpedantic -Wno-pedantic -Wnon-virtual-dtor -Woverloaded-virtual
                    -Werror=return-type -Werror=unused-result -fno-omit-frame-pointer)
# GCC 12 sees reads out of bounds where a text is built inside the TRY macros (GCC bugs 105329, 105651);
# the sanitizers' builds would find real ones.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  add_compile_options(-Wno-array-bounds -Wno-restrict -Wno-stringop-overread)
endif()
# x86-64-v2 gives the CRC32C instruction; anything newer is chosen at run time.
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-march=x86-64-v2)
endif()

if(MW_SANITIZE)
  string(REPLACE ";" "," MW_SANITIZE_FLAGS "${MW_SANITIZE}")
  add_compile_options(-fsanitize=${MW_SANITIZE_FLAGS} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MW_SANITIZE_FLAGS})
  if(MW_SANITIZE MATCHES undefined AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # A check at every access, a third of the compiler's work. AddressSanitizer stops at null pointers too,
    # and the fuzz preset, made with clang, checks the alignment in the parsers of bytes.
    add_compile_options(-fno-sanitize=null,alignment)
  endif()
endif()

find_program(MW_CCACHE ccache)
if(MW_CCACHE)
  # hash_dir off: the same source compiled in another build folder is a hit.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1
      CCACHE_SLOPPINESS=pch_defines,time_macros ${MW_CCACHE})
endif()
find_program(MW_MOLD mold)
if(MW_MOLD AND NOT CMAKE_CROSSCOMPILING AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT MW_SANITIZE STREQUAL "thread")
  add_link_options(-fuse-ld=mold)
endif()
