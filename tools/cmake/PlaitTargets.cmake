# The few kinds of targets that the compiler half consists of.

# Flags and include paths of everything that may include MLIR.
add_library(plait_mlir_flags INTERFACE)
target_include_directories(plait_mlir_flags SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_include_directories(plait_mlir_flags INTERFACE
  ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR})
separate_arguments(PLAIT_LLVM_DEFINITIONS NATIVE_COMMAND ${LLVM_DEFINITIONS})
target_compile_options(plait_mlir_flags INTERFACE -fno-exceptions ${PLAIT_LLVM_DEFINITIONS})

# One precompiled header for the whole compiler half (a pass file then takes
# under a second instead of five).
if(NOT EXISTS ${CMAKE_BINARY_DIR}/plait_pch.cpp) # a new time stamp would rebuild everything
  file(WRITE ${CMAKE_BINARY_DIR}/plait_pch.cpp "")
endif()
add_library(plait_pch OBJECT ${CMAKE_BINARY_DIR}/plait_pch.cpp)
target_link_libraries(plait_pch PUBLIC plait_mlir_flags)
target_precompile_headers(plait_pch PRIVATE ${PROJECT_SOURCE_DIR}/include/plait/Support/Pch.h)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Lets ccache see through the precompiled header.
  target_compile_options(plait_mlir_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Xclang> $<$<COMPILE_LANGUAGE:CXX>:-fno-pch-timestamp>)
endif()

# plait_add_library(Name sources... [LINK libs...] [DEPENDS tablegen targets...])
function(plait_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC plait_mlir_flags ${ARG_LINK})
  target_precompile_headers(${name} REUSE_FROM plait_pch)
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
endfunction()

# plait_add_dialect(Lm lm sources... [INTERFACES] [LINK ...] [DEPENDS ...])
# Runs tablegen over <Name>Ops.td (and <Name>Interfaces.td) in this folder.
function(plait_add_dialect name mnemonic)
  cmake_parse_arguments(ARG "INTERFACES;TYPES;ATTRS;ENUMS" "" "LINK;DEPENDS" ${ARGN})
  set(LLVM_TARGET_DEFINITIONS ${name}Ops.td)
  set(include -I ${PROJECT_SOURCE_DIR} -I ${MLIR_INCLUDE_DIRS})
  mlir_tablegen(${name}Dialect.h.inc -gen-dialect-decls -dialect=${mnemonic} ${include})
  mlir_tablegen(${name}Dialect.cpp.inc -gen-dialect-defs -dialect=${mnemonic} ${include})
  mlir_tablegen(${name}Ops.h.inc -gen-op-decls -dialect=${mnemonic} ${include})
  mlir_tablegen(${name}Ops.cpp.inc -gen-op-defs -dialect=${mnemonic} ${include})
  mlir_tablegen(${name}Types.h.inc -gen-typedef-decls -typedefs-dialect=${mnemonic} ${include})
  mlir_tablegen(${name}Types.cpp.inc -gen-typedef-defs -typedefs-dialect=${mnemonic} ${include})
  mlir_tablegen(${name}Attrs.h.inc -gen-attrdef-decls -attrdefs-dialect=${mnemonic} ${include})
  mlir_tablegen(${name}Attrs.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${mnemonic} ${include})
  mlir_tablegen(${name}Enums.h.inc -gen-enum-decls ${include})
  mlir_tablegen(${name}Enums.cpp.inc -gen-enum-defs ${include})
  if(ARG_INTERFACES)
    set(LLVM_TARGET_DEFINITIONS ${name}Interfaces.td)
    mlir_tablegen(${name}OpInterfaces.h.inc -gen-op-interface-decls ${include})
    mlir_tablegen(${name}OpInterfaces.cpp.inc -gen-op-interface-defs ${include})
    mlir_tablegen(${name}AttrInterfaces.h.inc -gen-attr-interface-decls ${include})
    mlir_tablegen(${name}AttrInterfaces.cpp.inc -gen-attr-interface-defs ${include})
  endif()
  add_public_tablegen_target(Plait${name}IncGen)
  plait_add_library(Plait${name} ${ARG_UNPARSED_ARGUMENTS}
    LINK PlaitSupport ${ARG_LINK} DEPENDS Plait${name}IncGen ${ARG_DEPENDS})
endfunction()

# plait_add_passes(Lower sources... [LINK ...]): Passes.td of this folder.
function(plait_add_passes phase)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name=Plait${phase} -I ${PROJECT_SOURCE_DIR} -I ${MLIR_INCLUDE_DIRS})
  add_public_tablegen_target(Plait${phase}PassesIncGen)
  plait_add_library(Plait${phase}Passes ${ARG_UNPARSED_ARGUMENTS}
    LINK ${ARG_LINK} DEPENDS Plait${phase}PassesIncGen)
endfunction()

# plait_add_mlir_tool(name sources... LINK libs...): links the MLIR/LLVM dylibs.
function(plait_add_mlir_tool name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE plait_mlir_flags ${ARG_LINK} MLIR LLVM)
  # -fPIC as in the libraries, not CMake's -fPIE: the precompiled header is one.
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM plait_pch)
endfunction()
