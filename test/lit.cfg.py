# Every test of the project that is not a C++ unit test, and the unit test
# binaries themselves, run under lit.
import os
import shutil

import lit.formats

config.name = "plait"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "models", "golden"]
if not lit_config.params.get("whole"):
    config.excludes.append("whole")  # an hour more: tools/dev.sh test --all
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.plait_build, "test")

config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.plait_build, "bin"), config.llvm_tools, os.environ.get("PATH", "")])
config.environment["FILECHECK_OPTS"] = "-enable-var-scope --dump-input=fail"
# Tests compile into a cache of their own.
config.environment["PLAIT_CACHE_DIR"] = os.path.join(config.plait_build, "test", "cache")
# A busy machine must not add lines of progress to what tests compare.
config.environment["PLAIT_PROGRESS"] = "none"
for name in ("HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    if name in os.environ:
        config.environment[name] = os.environ[name]

config.substitutions.append(("%models", os.path.join(config.test_source_root, "models")))
config.substitutions.append(("%golden", os.path.join(config.test_source_root, "golden")))
config.substitutions.append(("%source", os.path.dirname(config.test_source_root)))
config.substitutions.append(("%build", config.plait_build))
# Debian's python3 with numpy; another one on PATH may lack it.
config.substitutions.append(("%python", "/usr/bin/python3"))

if os.path.exists(os.path.join(config.plait_build, "bin", "fuzz-json")):
    config.available_features.add("fuzz")
if "-fsanitize" in config.cxx_flags:
    config.available_features.add("sanitizers")
if os.path.exists(os.path.join(config.plait_build, "bin", "plait-mpi-tests")) and shutil.which("mpirun"):
    config.available_features.add("mpi")
if shutil.which("ptxas"):
    config.available_features.add("ptxas")
