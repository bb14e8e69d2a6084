# cmake -DSTRATEGIES=FILE;... -DOUTPUT=FILE -P EmbedStrategies.cmake
# Writes a source with the text of each file (lib/Driver/StrategyLibrary.h).
set(entries)
foreach(file IN LISTS STRATEGIES)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(APPEND entries "    {\"${name}\", R\"plait(${text})plait\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Written by tools/cmake/EmbedStrategies.cmake.
#include \"lib/Driver/StrategyLibrary.h\"

llvm::ArrayRef<plait::LibraryStrategy> plait::strategyLibrary() {
  static const LibraryStrategy library[] = {
${entries}  };
  return library;
}
")
