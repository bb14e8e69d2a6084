//===- CudaHostCode.cpp - CUDA kernels as code for this machine -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaHostCode.h"

#include "plait/Target/Object.h"
#include "runtime/base/File.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace plait;
using namespace plait::test;
using namespace mlir;

namespace {

/// Puts calls in the place of what only a GPU has.
class Replacer {
public:
  explicit Replacer(ModuleOp module) : module(module), b(module.getContext()) {}

  void run(LLVM::LLVMFuncOp function) {
    entryBlock = &function.getBody().front();
    for (NamedAttribute attribute : llvm::to_vector(function->getDiscardableAttrs()))
      function->removeDiscardableAttr(attribute.getName());
    function.removeArgAttrsAttr(); // what is passed by value comes as an address
    function.walk([&](Operation *op) { replace(op); });
  }

private:
  Value call(StringRef name, Type result, ValueRange arguments) {
    auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
    if (!function) {
      auto type = LLVM::LLVMFunctionType::get(result ? result : LLVM::LLVMVoidType::get(b.getContext()),
                                              SmallVector<Type>(arguments.getTypes()));
      OpBuilder first = OpBuilder::atBlockBegin(module.getBody());
      function = LLVM::LLVMFuncOp::create(first, module.getLoc(), name, type);
    }
    auto op = LLVM::CallOp::create(b, module.getLoc(), function, arguments);
    return result ? op.getResult() : Value();
  }
  /// Memory for `count` words, once for a call of the function.
  Value words(int64_t count) {
    OpBuilder first = OpBuilder::atBlockBegin(entryBlock);
    Value number =
        LLVM::ConstantOp::create(first, module.getLoc(), b.getI32Type(), b.getI32IntegerAttr(int32_t(count)));
    return LLVM::AllocaOp::create(first, module.getLoc(), LLVM::LLVMPointerType::get(b.getContext()), b.getI32Type(),
                                  number, 16);
  }
  Value at(Value pointer, Type type, int64_t i) {
    return LLVM::GEPOp::create(b, module.getLoc(), pointer.getType(), type, pointer,
                               ArrayRef<LLVM::GEPArg>{int32_t(i)});
  }

  Value structOf(Type type, ValueRange elements) {
    Value result = LLVM::UndefOp::create(b, module.getLoc(), type);
    for (auto [i, element] : llvm::enumerate(elements))
      result = LLVM::InsertValueOp::create(b, module.getLoc(), result, element, ArrayRef<int64_t>{int64_t(i)});
    return result;
  }

  /// To the nearest bf16, ties to even: host code would call a function of the compiler's library.
  Value roundToBf16(LLVM::FPTruncOp op) {
    Location loc = op.getLoc();
    Type type = op.getArg().getType();
    auto shaped = dyn_cast<VectorType>(type);
    auto like = [&](Type element) { return shaped ? Type(shaped.clone(element)) : element; };
    Type words = like(b.getI32Type());
    auto constant = [&](int32_t value) -> Value {
      Attribute attr = b.getI32IntegerAttr(value);
      if (shaped)
        attr = DenseElementsAttr::get(cast<VectorType>(words), b.getI32IntegerAttr(value));
      return LLVM::ConstantOp::create(b, loc, words, attr);
    };
    Value bits = LLVM::BitcastOp::create(b, loc, words, op.getArg());
    Value high = LLVM::LShrOp::create(b, loc, bits, constant(16));
    Value odd = LLVM::AndOp::create(b, loc, high, constant(1));
    Value rounded = LLVM::AddOp::create(b, loc, bits, LLVM::AddOp::create(b, loc, odd, constant(0x7FFF)));
    rounded = LLVM::LShrOp::create(b, loc, rounded, constant(16));
    Value isNan = LLVM::FCmpOp::create(b, loc, LLVM::FCmpPredicate::uno, op.getArg(), op.getArg());
    Value quiet = LLVM::OrOp::create(b, loc, high, constant(0x40));
    Value half =
        LLVM::TruncOp::create(b, loc, like(b.getI16Type()), LLVM::SelectOp::create(b, loc, isNan, quiet, rounded));
    return LLVM::BitcastOp::create(b, loc, op.getType(), half);
  }

  /// Address (i64) of the word number `i` behind `address`.
  Value wordAt(Value address, size_t i) {
    Value offset = LLVM::ConstantOp::create(b, module.getLoc(), b.getI64Type(), b.getI64IntegerAttr(4 * int64_t(i)));
    return LLVM::AddOp::create(b, module.getLoc(), address, offset);
  }

  /// What protocols say in words, whose scopes do not matter here: all happens in the order of the code.
  bool replaceOrder(StringRef text, LLVM::InlineAsmOp ptx) {
    Type i32 = b.getI32Type();
    ValueRange operands = ptx.getOperands();
    if (text.contains("bra WAIT;")) {
      call("plait_test_wait_word", {}, operands);
    } else if (text.starts_with("red.") && text.contains(".add.u32")) {
      call("plait_test_add_word", {}, operands);
    } else if (text.starts_with("red.") && text.contains("f32")) {
      for (auto [i, value] : llvm::enumerate(operands.drop_front()))
        call("plait_test_add_float", {}, {wordAt(operands[0], i), value});
    } else if (text.starts_with("ld.relaxed.sys.global.v")) {
      SmallVector<Value> words;
      auto type = cast<LLVM::LLVMStructType>(ptx.getResult(0).getType());
      for (size_t i = 0; i < type.getBody().size(); ++i)
        words.push_back(call("plait_test_load_word", i32, {wordAt(operands[0], i)}));
      ordered = structOf(type, words);
    } else if (text.starts_with("ld.relaxed.") || text.starts_with("ld.acquire.")) {
      ordered = call("plait_test_load_word", i32, operands);
    } else if (text.starts_with("st.relaxed.sys.global")) {
      for (auto [i, value] : llvm::enumerate(operands.drop_front())) {
        Value pointer = LLVM::IntToPtrOp::create(b, module.getLoc(), LLVM::LLVMPointerType::get(b.getContext()),
                                                 wordAt(operands[0], i));
        LLVM::StoreOp::create(b, module.getLoc(), value, pointer);
      }
    } else if (text.starts_with("atom.relaxed.gpu.global.cas.b32")) {
      ordered = call("plait_test_swap", i32, operands);
    } else if (text.starts_with("cp.async.bulk.global.shared::cta")) {
      call("plait_test_bulk", {}, operands);
    } else if (text.starts_with("cp.reduce.async.bulk.global.shared::cta")) {
      call("plait_test_bulk_add", {}, operands);
    } else if (text.starts_with("cp.async.bulk.wait_group")) {
      call(text.contains(".read") ? "plait_test_bulk_read" : "plait_test_bulk_done", {}, {});
    } else {
      return text.starts_with("cp.async.bulk.commit_group") || text.starts_with("fence.proxy.async") ||
             text.starts_with("fence.acq_rel.sys");
    }
    return true;
  }

  /// What PTX in words computes: nothing in a hint.
  Value replaceText(LLVM::InlineAsmOp ptx) {
    StringRef text = ptx.getAsmString();
    ValueRange operands = ptx.getOperands();
    if (text.empty() && ptx.getNumResults()) // what goes in comes out
      return structOf(ptx.getResult(0).getType(), operands);
    if (text.empty() || text.starts_with(".pragma"))
      return {};
    if (text.starts_with("ex2.approx.f32"))
      return call("plait_test_exp2", b.getF32Type(), operands);
    if (text.contains("mbarrier.try_wait.parity")) {
      call("plait_test_wait", {}, {operands[0], operands[1]});
      return {};
    }
    if (replaceOrder(text, ptx))
      return ptx.getNumResults() ? ordered : Value();
    if (!text.contains("wgmma.mma_async.sync.aligned.m64n"))
      llvm::report_fatal_error("the model of a GPU lacks what PTX says: " + text);
    // Sums, of which each of 128 threads has its share of 64 rows, both descriptors, and whether to add to the sums.
    Type type = ptx.getResult(0).getType();
    auto count = int64_t(cast<LLVM::LLVMStructType>(type).getBody().size());
    APInt adds;
    if (!matchPattern(operands[count + 2], m_ConstantInt(&adds)) || adds.isZero())
      llvm::report_fatal_error("the model of a GPU lacks products that begin with nothing");
    Value sums = words(count);
    LLVM::StoreOp::create(b, module.getLoc(), structOf(type, operands.take_front(count)), sums);
    Value columns =
        LLVM::ConstantOp::create(b, module.getLoc(), b.getI32Type(), b.getI32IntegerAttr(int32_t(2 * count)));
    call("plait_test_wgmma", {}, {operands[count], operands[count + 1], columns, sums});
    return LLVM::LoadOp::create(b, module.getLoc(), type, sums);
  }

  void replace(Operation *op) {
    b.setInsertionPoint(op);
    Type i32 = b.getI32Type(), f32 = b.getF32Type();
    Value result;
    if (isa<NVVM::ThreadIdXOp>(op)) {
      result = call("plait_test_thread", i32, {});
    } else if (isa<NVVM::BlockIdXOp>(op)) {
      result = call("plait_test_block", i32, {});
    } else if (isa<NVVM::BarrierOp>(op)) {
      call("plait_test_barrier", {}, {});
    } else if (auto shuffle = dyn_cast<NVVM::ShflOp>(op)) {
      result = call("plait_test_shuffle", f32, {shuffle.getVal(), shuffle.getOffset()});
    } else if (auto truncation = dyn_cast<LLVM::FPTruncOp>(op);
               truncation && getElementTypeOrSelf(truncation.getType()).isBF16()) {
      result = roundToBf16(truncation);
    } else if (auto ptx = dyn_cast<LLVM::InlineAsmOp>(op)) {
      result = replaceText(ptx);
    } else if (auto address = dyn_cast<LLVM::AddressOfOp>(op); address && address.getGlobalName() == "shared") {
      result = call("plait_test_shared", address.getType(), {});
    } else if (auto copy = dyn_cast<NVVM::CpAsyncOp>(op)) {
      call("plait_test_copy", {}, {copy.getDst(), copy.getSrc(), copy.getCpSize()});
    } else if (auto matrix = dyn_cast<NVVM::LdMatrixOp>(op)) {
      Value memory = words(4);
      bool isTransposed = matrix.getLayout() == NVVM::MMALayout::col;
      call(isTransposed ? "plait_test_ldmatrix_transposed" : "plait_test_ldmatrix", {}, {matrix.getPtr(), memory});
      result = LLVM::LoadOp::create(b, module.getLoc(), matrix.getType(), memory);
    } else if (auto mma = dyn_cast<NVVM::MmaOp>(op)) {
      Value registers = words(6), sums = words(4);
      SmallVector<Value> operands(mma.getOperandA());
      llvm::append_range(operands, mma.getOperandB());
      for (auto [i, operand] : llvm::enumerate(operands))
        LLVM::StoreOp::create(b, module.getLoc(), operand, at(registers, i32, int64_t(i)));
      for (auto [i, operand] : llvm::enumerate(mma.getOperandC()))
        LLVM::StoreOp::create(b, module.getLoc(), operand, at(sums, f32, int64_t(i)));
      call("plait_test_mma", {}, {registers, sums});
      result = LLVM::LoadOp::create(b, module.getLoc(), mma.getType(), sums);
    } else if (auto init = dyn_cast<NVVM::MBarrierInitOp>(op)) {
      call("plait_test_init", {}, {init.getAddr(), init.getCount()});
    } else if (auto arrive = dyn_cast<NVVM::MBarrierArriveOp>(op)) {
      call("plait_test_arrive", {}, {arrive.getAddr()});
    } else if (auto expect = dyn_cast<NVVM::MBarrierArriveExpectTxOp>(op)) {
      call("plait_test_expect", {}, {expect.getAddr(), expect.getTxcount()});
    } else if (auto box = dyn_cast<NVVM::CpAsyncBulkTensorGlobalToSharedClusterOp>(op)) {
      call("plait_test_box", {},
           {box.getDstMem(), box.getTmaDescriptor(), box.getCoordinates()[0], box.getCoordinates()[1], box.getMbar()});
    } else if (!isa<NVVM::CpAsyncCommitGroupOp, NVVM::CpAsyncWaitGroupOp, NVVM::FenceMbarrierInitOp,
                    NVVM::MBarrierInvalOp, NVVM::SetMaxRegisterOp, NVVM::WgmmaFenceAlignedOp,
                    NVVM::WgmmaGroupSyncAlignedOp, NVVM::WgmmaWaitGroupSyncOp>(op)) {
      if (isa<NVVM::NVVMDialect>(op->getDialect()))
        llvm::report_fatal_error("the model of a GPU lacks an instruction");
      return;
    }
    if (result)
      op->getResult(0).replaceAllUsesWith(result);
    op->erase();
  }

  ModuleOp module;
  OpBuilder b;
  Block *entryBlock = nullptr;
  Value ordered; ///< what replaceOrder makes of what has a result
};

/// plait_packed_NAME, which takes its arguments as cuLaunchKernel does, and plait_parameters_NAME, how many there are,
/// and bytes of each: 0 of an address of the GPU's memory.
void addPacked(ModuleOp module, LLVM::LLVMFuncOp function, LLVM::LLVMFuncOp original) {
  OpBuilder b = OpBuilder::atBlockEnd(module.getBody());
  Location loc = module.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  std::string name = function.getSymName().str();
  auto packed = LLVM::LLVMFuncOp::create(
      b, loc, "plait_packed_" + name, LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {pointer}));
  SmallVector<int64_t> sizes = {function.getNumArguments()};
  Block *body = b.createBlock(&packed.getBody(), {}, {pointer}, {loc});
  SmallVector<Value> arguments;
  for (auto [i, type] : llvm::enumerate(function.getArgumentTypes())) {
    Value place =
        LLVM::GEPOp::create(b, loc, pointer, pointer, body->getArgument(0), ArrayRef<LLVM::GEPArg>{int32_t(i)});
    Value argument = LLVM::LoadOp::create(b, loc, pointer, place);
    auto byValue = original.getArgAttrOfType<TypeAttr>(i, LLVM::LLVMDialect::getByValAttrName());
    bool isAddress = !byValue && isa<LLVM::LLVMPointerType>(type);
    sizes.push_back(isAddress ? 0 : int64_t(DataLayout(module).getTypeSize(byValue ? byValue.getValue() : type)));
    arguments.push_back(byValue ? argument : LLVM::LoadOp::create(b, loc, type, argument).getResult());
  }
  LLVM::CallOp::create(b, loc, function, arguments);
  LLVM::ReturnOp::create(b, loc, ValueRange());
  b.setInsertionPointToEnd(module.getBody());
  auto numbers = RankedTensorType::get({int64_t(sizes.size())}, b.getI64Type());
  LLVM::GlobalOp::create(b, loc, LLVM::LLVMArrayType::get(b.getI64Type(), sizes.size()), /*isConstant=*/true,
                         LLVM::Linkage::External, "plait_parameters_" + name,
                         DenseElementsAttr::get(numbers, ArrayRef<int64_t>(sizes)));
}

/// Functions of the model are called at addresses that whoever loads the code writes into it.
void callByAddress(ModuleOp module) {
  OpBuilder b = OpBuilder::atBlockBegin(module.getBody());
  Location loc = module.getLoc();
  Type pointer = LLVM::LLVMPointerType::get(b.getContext());
  for (auto function : llvm::to_vector(module.getOps<LLVM::LLVMFuncOp>())) {
    if (!function.isExternal())
      continue;
    b.setInsertionPointToStart(module.getBody());
    std::string name = function.getSymName().str() + "_address";
    auto address =
        LLVM::GlobalOp::create(b, loc, pointer, /*isConstant=*/false, LLVM::Linkage::External, name, Attribute());
    b.createBlock(&address.getInitializerRegion());
    LLVM::ReturnOp::create(b, loc, LLVM::ZeroOp::create(b, loc, pointer).getResult());
    SmallVector<Location> locations(function.getNumArguments(), loc);
    Block *body = b.createBlock(&function.getBody(), {}, function.getArgumentTypes(), locations);
    SmallVector<Value> operands = {
        LLVM::LoadOp::create(b, loc, pointer, LLVM::AddressOfOp::create(b, loc, pointer, name))};
    llvm::append_range(operands, body->getArguments());
    auto call = LLVM::CallOp::create(b, loc, function.getFunctionType(), operands);
    LLVM::ReturnOp::create(b, loc, call.getResults());
    function.setLinkage(LLVM::Linkage::Internal);
  }
}

} // namespace

OwningOpRef<ModuleOp> test::makeHostCode(gpu::GPUModuleOp kernels) {
  OwningOpRef<ModuleOp> host = ModuleOp::create(kernels.getLoc());
  OpBuilder b = OpBuilder::atBlockEnd(host->getBody());
  for (Operation &op : *kernels.getBody()) {
    auto global = dyn_cast<LLVM::GlobalOp>(op);
    if (!global || global.getSymName() != "shared")
      b.clone(op);
  }
  Replacer replacer(*host);
  for (auto function : llvm::to_vector(host->getOps<LLVM::LLVMFuncOp>()))
    if (!function.isExternal())
      replacer.run(function);
  return host;
}

Expected<Cubin> test::makeHostImage(gpu::GPUModuleOp kernels) {
  Cubin image;
  OwningOpRef<ModuleOp> host = makeHostCode(kernels);
  auto named = kernels.getOps<LLVM::LLVMFuncOp>();
  for (LLVM::LLVMFuncOp function : named) {
    image.entries.push_back({function.getSymName().str(), /*registers=*/1});
    auto own = host->lookupSymbol<LLVM::LLVMFuncOp>(function.getSymName());
    addPacked(*host, own, function);
    own.setLinkage(LLVM::Linkage::Internal);
  }
  callByAddress(*host);
  PLAIT_ASSIGN_OR_RETURN(CpuMachine machine, resolveCpuMachine("cpu:x86-64-v3"));
  PLAIT_ASSIGN_OR_RETURN(std::string object, compileToObject(*host, machine));
  llvm::SmallString<128> folder;
  if (llvm::sys::fs::createUniqueDirectory("plait-image", folder))
    return resourceError("no temporary folder");
  std::string path = (folder + "/image.so").str();
  Status linked = linkSharedObject(object, path);
  Expected<std::string> bytes = linked ? readFile(path) : Expected<std::string>(linked);
  llvm::sys::fs::remove_directories(folder);
  PLAIT_RETURN_IF_ERROR(bytes.status());
  image.bytes = *bytes;
  return image;
}
