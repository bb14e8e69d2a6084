//===- CpuKernelFixture.cpp - Runs single CPU kernels ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include "HostEngine.h"

#include "runtime/device/cpu/Isa.h"

#include "plait/Target/Object.h"

#include "dialects/Decode/Decode.h"
#include "passes/CPU/Passes.h"
#include "passes/CUDA/CudaKernels.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

using namespace plait;
using namespace plait::test;

//===----------------------------------------------------------------------===//
// Compilation
//===----------------------------------------------------------------------===//

static void initialize(MLIRContext &context) {
  static bool once = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)once;
  DialectRegistry registry;
  registry.insert<lm::LmDialect, decode::DecodeDialect, kernel::KernelDialect, rt::RtDialect, arith::ArithDialect,
                  LLVM::LLVMDialect, gpu::GPUDialect, NVVM::NVVMDialect, scf::SCFDialect, vector::VectorDialect>();
  registerCpuKernels(registry);
  registerCudaKernels(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
  context.disableMultithreading();
}

/// `text` next to a table with an rt.kernel @k, where tiles are left.
static OwningOpRef<ModuleOp> parseWithModel(MLIRContext &context, const std::string &text, bool isFast) {
  std::string model = R"(
    rt.model @table attributes {family = "llama", numerics = ")" +
                      std::string(isFast ? "fast" : "row_invariant") + R"(", vocabulary = 1 : i64,
        max_positions = 1 : i64, layers = 1 : i64, pack_bytes = 0 : i64, parameters = 0 : i64} {
      rt.kernel @k
    })";
  return parseSourceString<ModuleOp>(text + model, &context);
}

/// A kernel that cannot be compiled leaves nothing to test; the reason is printed.
static void run(PassManager &pm, ModuleOp module) {
  if (failed(pm.run(module)))
    llvm::report_fatal_error("a pass failed");
}

static void lower(ModuleOp module) {
  for (auto model : llvm::make_early_inc_range(module.getOps<rt::ModelOp>()))
    model.erase();
  PassManager pm(module.getContext());
  buildCpuLoweringPipeline(pm);
  run(pm, module);
}

static void generate(ModuleOp module, CpuTarget target) {
  PassManager pm(module.getContext());
  GenerateCpuKernelsPassOptions options;
  options.lanes = target.lanes;
  options.fma = target.fma;
  options.tiles = target.tiles;
  options.pairs = target.pairs;
  options.bytes = target.bytes;
  pm.addPass(createGenerateCpuKernelsPass(options));
  run(pm, module);
}

CpuKernel::~CpuKernel() = default;

void CpuKernel::parse(const std::string &text, bool isFast) {
  initialize(context);
  module = parseWithModel(context, text, isFast);
  if (!module)
    llvm::report_fatal_error("a kernel does not parse");
  kernelOp = *module->getOps<kernel::FuncOp>().begin();
  code = module->clone();
}

CpuKernel::CpuKernel(const std::string &text, CpuTarget target) {
  parse(text, /*isFast=*/target.bytes != ByteUnit::none);
  generate(*code, target);
  auto table = *code->getOps<rt::ModelOp>().begin();
  rt::TilesAttr tiles = *(*table.getOps<rt::KernelOp>().begin()).getTiles();
  division = {tiles.getCount(), tiles.getDim(), tiles.getBlock(), tiles.getCyclic()};
  compile(*code, kernelOp.getSymName());
}

CpuKernel::CpuKernel(const std::string &text, CpuTarget target,
                     llvm::function_ref<void(CpuKernelEmitter &, kernel::FuncOp)> emit) {
  parse(text);
  auto kernel = *code->getOps<kernel::FuncOp>().begin();
  OpBuilder b(kernel);
  Type address = LLVM::LLVMPointerType::get(&context), i64 = b.getI64Type();
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&context), {address, address, address, i64, i64, i64});
  auto function = LLVM::LLVMFuncOp::create(b, kernel.getLoc(), "k", type);
  CpuKernelEmitter emitter(kernel, function, target);
  emit(emitter, kernel);
  emitter.finish();
  division = emitter.tiles();
  kernel.erase();
  compile(*code, "k");
}

void CpuKernel::compile(ModuleOp module, StringRef name) {
  lower(module);
  engine = makeHostEngine(module);
  entry = reinterpret_cast<plait_kernel_fn_v1>(llvm::cantFail(engine->lookup(name)));
}

CpuTarget test::emulatedTiles() { return {8, true, TileUnit::emulated}; }

std::vector<CpuTarget> test::tileTargets() {
  std::vector<CpuTarget> targets = {emulatedTiles()};
  if (cpuShortage("avx512f avx512bw avx512dq avx512vl amx-tile amx-bf16 amx-int8").empty())
    targets.push_back({16, true, TileUnit::amx});
  return targets;
}

std::vector<CpuTarget> test::pairTargets() {
  std::vector<CpuTarget> targets = {{8, true, TileUnit::none, PairUnit::emulated}};
  if (cpuShortage("avx512f avx512bw avx512dq avx512vl avx512bf16").empty())
    targets.push_back({16, true, TileUnit::none, PairUnit::avx512});
  return targets;
}

std::vector<CpuTarget> test::byteTargets() {
  std::vector<CpuTarget> targets = {{8, true, TileUnit::none, PairUnit::none, ByteUnit::emulated}};
  if (cpuShortage("avx512f avx512bw avx512dq avx512vl avx512vnni").empty())
    targets.push_back({16, true, TileUnit::none, PairUnit::none, ByteUnit::vnni});
  return targets;
}

std::string test::unitName(const CpuTarget &target) {
  return target.tiles == TileUnit::amx ? "Amx" : target.pairs == PairUnit::avx512 ? "Avx512" : "Emulated";
}

std::vector<std::string> test::undefinedSymbols(const std::string &text, CpuTarget target, StringRef cpu) {
  MLIRContext context;
  initialize(context);
  OwningOpRef<ModuleOp> module = parseWithModel(context, text, /*isFast=*/false);
  generate(*module, target);
  lower(*module);
  llvm::LLVMContext llvmContext;
  std::unique_ptr<llvm::Module> ir = translateModuleToLLVMIR(*module, llvmContext);
  llvm::Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const llvm::Target *backend = llvm::TargetRegistry::lookupTarget(triple, error);
  std::unique_ptr<llvm::TargetMachine> machine(
      backend->createTargetMachine(triple, cpu, "", llvm::TargetOptions(), llvm::Reloc::PIC_));
  ir->setTargetTriple(triple);
  ir->setDataLayout(machine->createDataLayout());
  optimizeKernels(*ir, *machine);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager emission;
  machine->addPassesToEmitFile(emission, stream, nullptr, llvm::CodeGenFileType::ObjectFile);
  emission.run(*ir);
  llvm::SmallVectorMemoryBuffer buffer(std::move(bytes));
  auto object = llvm::cantFail(llvm::object::ObjectFile::createObjectFile(buffer.getMemBufferRef()));
  std::vector<std::string> names;
  for (const llvm::object::SymbolRef &symbol : object->symbols()) {
    uint32_t flags = llvm::cantFail(symbol.getFlags());
    if ((flags & llvm::object::SymbolRef::SF_Undefined) && !(flags & llvm::object::SymbolRef::SF_FormatSpecific))
      names.push_back(llvm::cantFail(symbol.getName()).str());
  }
  return names;
}
