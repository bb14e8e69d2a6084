# cmake -DMACHINES=FILE;... -DOUTPUT=FILE -P EmbedMachines.cmake
# Writes a source with the text of each file (include/plait/Timeline/Machine.h).
set(entries)
foreach(file IN LISTS MACHINES)
  get_filename_component(name ${file} NAME_WE)
  file(READ ${file} text)
  string(APPEND entries "      {\"${name}\", R\"plait(${text})plait\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Written by tools/cmake/EmbedMachines.cmake.
#include \"plait/Timeline/Machine.h\"

const std::vector<plait::timeline::EmbeddedMachine> &plait::timeline::embeddedMachines() {
  static const std::vector<EmbeddedMachine> machines = {
${entries}  };
  return machines;
}
")
