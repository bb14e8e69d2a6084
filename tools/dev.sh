#!/usr/bin/env bash
# Everything a developer does with the repository:
#   tools/dev.sh setup    install the packages that Plait needs (Debian 12, as root)
#   tools/dev.sh build    configure and build into build/
#   tools/dev.sh demo     build, compile the shipped model, print tokens
#   tools/dev.sh test     build and run all tests; `test --all`: also every model family in every parallel
#                         layout, every strategy with drafts that are right as often as wanted, 10,000 calls of
#                         each collective and protocol between ranks held up at random, and ranks killed and stopped
#                         more than a hundred times; `test --gpu`: on a GPU, what `gpu` has made
#   tools/dev.sh gpu      build, and put into build/gpu what a machine with a GPU needs for `test --gpu` and
#                         `bench gpu`, which build nothing
#   tools/dev.sh bench    measure what README reports; `bench cpu`: speeds by model and format, also of llama.cpp;
#                         `bench comm`: all-reduces between ranks, also of Open MPI; `bench decode`: strategies;
#                         `bench numerics`: what contracts on numbers cost;
#                         `bench overlap`: sums over ranks with what follows them; `bench gpu`: on a GPU, also
#                         of PyTorch
#   tools/dev.sh fuzz     run the fuzz targets (--seconds N, names of targets)
#   tools/dev.sh sanitize build with sanitizers and run all tests; `sanitize thread`: the runtime's, for races
#   tools/dev.sh format   format the C++ sources (clang-format 22)
#   tools/dev.sh doc      regenerate docs/reference
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  g++ cmake ninja-build ccache git pkg-config python3 python3-numpy
  llvm-22-dev libmlir-22-dev mlir-22-tools clang-22 clang-format-22 lld-22 libzstd-dev
  libclang-rt-22-dev libfuzzer-22-dev
  nlohmann-json3-dev libpcre2-dev libutf8proc-dev libcli11-dev libfmt-dev
  libgtest-dev libxxhash-dev libopenmpi-dev openmpi-bin
)
model=test/models/kjv-2m
# What is compiled for a GPU and for a CPU, to compare.
model_folders="$model $(echo test/golden/models/{llama,llama31,mistral,qwen2,qwen3,gemma2,gemma3,gpt2}-tiny)"

# Lets ccache see through the precompiled header.
export CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
export CCACHE_BASEDIR=$PWD

have_packages() {
  dpkg-query -W -f='${db:Status-Status}\n' "${packages[@]}" 2>/dev/null | grep -c '^installed$' |
    grep -qx "${#packages[@]}"
}

setup() {
  if have_packages; then
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "dev.sh: packages are missing: found user $(id -un), expected root; run 'sudo tools/dev.sh setup'" >&2
    exit 1
  fi
  echo "dev.sh: installing ${#packages[@]} packages"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

build() {
  setup
  cmake --preset dev >build.log 2>&1 || { cat build.log >&2; exit 1; }
  rm -f build.log
  ninja -C build "$@"
}

demo() {
  build plait plait-compile
  mkdir -p out
  echo "== compile $model"
  build/bin/plait-compile "$model" -o out/demo.plait
  echo "== run: In the beginning"
  build/bin/plait run out/demo.plait --prompt "In the beginning" --max-tokens 64 --temperature 0 --stats
}

# For a machine that has a GPU, and perhaps no compiler.
gpu=build/gpu
make_gpu() {
  local chip=cuda:sm_90a model
  build plait plait-compile plait-compiler-tests plait-gpu-tests
  rm -rf $gpu && mkdir -p $gpu/bin $gpu/models $gpu/cases $gpu/bench
  cp build/bin/plait build/bin/plait-gpu-tests $gpu/bin/
  PLAIT_GPU_CASES=$PWD/$gpu/cases build/bin/plait-compiler-tests --gtest_filter='CudaKernels.*' --gtest_brief=1
  for model in $model_folders; do
    local options=(--debug-logits --no-explain --progress=none)
    build/bin/plait-compile "$model" --target $chip "${options[@]}" -o "$gpu/models/$(basename "$model").gpu.plait"
    build/bin/plait-compile "$model" --target cpu:amx-emulated "${options[@]}" --no-selftest \
      -o "$gpu/models/$(basename "$model").cpu.plait"
  done
  /usr/bin/python3 -B test/bench/gpu.py --compile $gpu/bench
  du -sh $gpu
}

test_gpu() {
  local status=0 tests=$gpu/bin/plait-gpu-tests log=$gpu/test.log
  if [ ! -x $tests ]; then
    echo "dev.sh: test --gpu: found no $tests; expected what 'tools/dev.sh gpu' makes on a machine with the compiler" >&2
    return 1
  fi
  PLAIT_GPU_DIR=$gpu $tests 2>&1 | tee $log || status=$?
  local passed failed
  passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' $log)
  failed=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' $log)
  passed=${passed:-0} failed=${failed:-0}
  check() {
    echo "== $*"
    if "$@"; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1)) status=1
    fi
  }
  check $gpu/bin/plait selftest $gpu/models/kjv-2m.gpu.plait
  check $gpu/bin/plait run $gpu/models/kjv-2m.gpu.plait --prompt "In the beginning" --max-tokens 64 --temperature 0 --stats
  # Of the kernels by themselves, which are few launches.
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
      PLAIT_GPU_DIR=$gpu check compute-sanitizer --tool $tool --error-exitcode 1 $tests --gtest_brief=1 \
        --gtest_filter='Kernels/*:*/Kernels.*'
    done
  fi
  [ "$passed" -gt 0 ] || status=1
  echo "$passed passed, $failed failed, 0 skipped"
  return $status
}

run_tests() {
  local options=()
  case "${1:-}" in
  "") ;;
  --all) options=(--param whole=yes) ;; # test/whole, of which a sample is among the other tests
  --gpu) test_gpu; return ;;
  *)
    echo "dev.sh: test: found '$1'; expected nothing, '--all' or '--gpu'" >&2
    exit 2
    ;;
  esac
  build test-tools
  local log=build/test/last.log status=0
  lit-22 -v --order=lexical --time-tests "${options[@]}" build/test 2>&1 | tee "$log" || status=$?
  # A closing line that any reader and any CI understands.
  local passed failed skipped
  count() { sed -n "s/^ *$1 *: *\([0-9]*\).*/\1/p" "$log" | awk '{n += $1} END {print n + 0}'; }
  passed=$(count 'Passed')
  failed=$(($(count 'Failed') + $(count 'Unresolved') + $(count 'Timed Out')))
  skipped=$(($(count 'Unsupported') + $(count 'Skipped')))
  if [ "$passed" = 0 ] && [ "$status" = 0 ]; then
    echo "dev.sh: no test ran" >&2
    status=1
  fi
  # By itself: beside other work a rank that is stopped is told later than in 2 s.
  if [ ${#options[@]} != 0 ]; then
    local work=build/test/whole/faults
    mkdir -p $work
    build/bin/plait-compile test/models/kjv-2m --tp=3 --no-selftest --progress=none -o $work/3.plait
    if PATH=$PWD/build/bin:$PATH /usr/bin/python3 -B test/stress/faults.py $work/3.plait --tries 6; then
      passed=$((passed + 1))
    else
      failed=$((failed + 1)) status=1
    fi
  fi
  echo "$passed passed, $failed failed, $skipped skipped"
  return $status
}

# Code that the compiler makes of protocols. The compiler itself is the usual one.
sanitize_protocols() {
  local tests=build-sanitize-thread/bin/plait-protocol-tests fault found
  export PLAIT_PROTOCOLS=$PWD/build-sanitize-thread/protocols
  build plait-opt
  /usr/bin/python3 -B test/unit/protocols/compile.py --sanitize-thread --programs build/bin "$PLAIT_PROTOCOLS"
  # What is read too early is a race.
  PLAIT_DELAY_EPOCHS=100 $tests --gtest_brief=1 --gtest_filter=-ProtocolFaults.EarlyReadIsFound
  for fault in Arrive Wait; do
    found=$($tests --gtest_also_run_disabled_tests --gtest_filter="RelaxedFaults.DISABLED_$fault" 2>&1) || true
    if ! grep -q "ThreadSanitizer: data race" <<<"$found"; then
      echo "dev.sh: sanitize: found no race in a protocol with a relaxed ${fault,,}; expected one" >&2
      exit 1
    fi
  done
}

# Debian's MLIR is built without sanitizers: what its headers do in our code and
# its libraries do not (poisoned arenas, annotated vectors) must not be judged.
sanitize() {
  setup
  export ASAN_OPTIONS=detect_leaks=0:allow_user_poisoning=0:detect_container_overflow=0:detect_odr_violation=0
  export UBSAN_OPTIONS=print_stacktrace=1 TSAN_OPTIONS=halt_on_error=1
  case "${1:-}" in
  thread)
    cmake --preset sanitize-thread >/dev/null
    ninja -C build-sanitize-thread plait-runtime-tests plait-delay-tests plait-protocol-tests
    build-sanitize-thread/bin/plait-runtime-tests --gtest_brief=1
    PLAIT_DELAY_EPOCHS=100 build-sanitize-thread/bin/plait-delay-tests --gtest_brief=1
    sanitize_protocols
    ;;
  "")
    cmake --preset sanitize >/dev/null
    ninja -C build-sanitize test-tools
    # The runtime alone answers for leaks as well.
    ASAN_OPTIONS= build-sanitize/bin/plait-runtime-tests --gtest_brief=1
    lit-22 -v --order=lexical build-sanitize/test
    ;;
  *)
    echo "dev.sh: sanitize: found '$1'; expected nothing or 'thread'" >&2
    exit 2
    ;;
  esac
}

case "${1:-}" in
setup) setup ;;
build) shift; build "$@" ;;
demo) demo ;;
gpu) make_gpu ;;
test) shift; run_tests "$@" ;;
bench)
  shift
  script=run
  case "${1:-}" in cpu | comm | decode | numerics | overlap | gpu) script=$1; shift ;; esac
  if [ "$script" = gpu ]; then
    exec python3 -B test/bench/gpu.py "$@"
  fi
  build plait plait-compile plait-machine plait-comm >/dev/null
  # A library that is compared with and nothing else needs.
  case " $* " in *" --onednn "*) ninja -C build plait-onednn >/dev/null || true ;; esac
  exec /usr/bin/python3 -B "test/bench/$script.py" "$@"
  ;;
fuzz) shift; build fuzz-targets >/dev/null; exec /usr/bin/python3 -B test/fuzz/run.py --programs build/bin --work build/fuzz --golden test/golden "$@" ;;
sanitize) shift; sanitize "$@" ;;
format) git ls-files '*.cpp' '*.h' | grep -v '^test/golden' | xargs clang-format-22 -i ;;
doc) build plait plait-compile plait-opt plait-translate plait-reduce plait-lsp-server >/dev/null; exec tools/doc.sh ;;
*) sed -n '2,19s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
