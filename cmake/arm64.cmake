# Toolchain of the arm64 preset: Debian's cross compiler, and Debian's arm64 libraries as tools/deps --arm64
# unpacks them into .deps/arm64, so that the machine itself needs no foreign architecture.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)

get_filename_component(MW_ARM64 "${CMAKE_CURRENT_LIST_DIR}/../.deps/arm64" ABSOLUTE)
set(MW_ARM64_LIBRARIES ${MW_ARM64}/usr/lib/aarch64-linux-gnu)
if(NOT EXISTS ${MW_ARM64_LIBRARIES})
  message(FATAL_ERROR "no arm64 libraries in .deps/arm64. Next step: tools/deps --arm64")
endif()
set(CMAKE_FIND_ROOT_PATH ${MW_ARM64} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${MW_ARM64}/usr/include ${MW_ARM64}/usr/include/aarch64-linux-gnu)
foreach(kind EXE SHARED MODULE)
  set(CMAKE_${kind}_LINKER_FLAGS_INIT
      "-L${MW_ARM64_LIBRARIES} -Wl,-rpath-link,${MW_ARM64_LIBRARIES}")
endforeach()
# What tests are run by. In run/ stand the loader's libraries, and what an arm64 machine says about its
# processor: ONNX Runtime asks for that, and would read of the real one. MILLWRIGHT_EMULATED: tests that start
# programs of their own, or ask for system calls that qemu lacks, say so and are skipped.
set(CMAKE_CROSSCOMPILING_EMULATOR
    "qemu-aarch64-static;-cpu;cortex-a72;-L;${MW_ARM64}/run;-E;MILLWRIGHT_EMULATED=1;-E;LD_LIBRARY_PATH=${MW_ARM64_LIBRARIES}:/usr/aarch64-linux-gnu/lib")
