//===- GenerateProtocols.cpp - From overlap.program to CUDA code ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"
#include "passes/CUDA/Passes.h"
#include "passes/CUDA/Product.h"
#include "passes/CUDA/ProtocolEmitter.h"

#include "plait-abi/Team.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

namespace plait {
#define GEN_PASS_DEF_GENERATECUDAPROTOCOLSPASS
#include "passes/CUDA/Passes.h.inc"
} // namespace plait

using namespace plait;

/// A tensor of rows of known extents: of f32, or what a product takes, of bf16.
static bool isMatrix(Type type, bool isInput) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && tensor.hasStaticShape() &&
         (tensor.getElementType().isF32() || (isInput && tensor.getElementType().isBF16()));
}

static LogicalResult checkOffset(Operation *op, Value offset) {
  if (!matchPattern(offset, m_Zero()))
    return op->emitOpError("expected whole rows for CUDA, from column 0 on");
  return success();
}

/// A product reads what is loaded while it is computed, so it has to stay until then.
static LogicalResult checkLoadOfProduct(overlap::LoadOp load, lm::LinearOp product) {
  if (!load->hasOneUse() || load->getBlock() != product->getBlock())
    return load.emitOpError("expected a tile that one product takes, in the same part of the program, for CUDA");
  for (Operation *op = load; op != *product->user_begin(); op = op->getNextNode())
    if (isa<overlap::ArriveOp, overlap::WaitOp, overlap::QuietOp>(op))
      return load.emitOpError("expected no arrival, wait or quiet before the product is stored, as it reads the tile "
                              "where it is, for CUDA");
  auto bufferOf = [](Value view) { return view.getDefiningOp<overlap::ViewOp>().getBuffer(); };
  Operation *store = *product->user_begin();
  Value target = isa<overlap::PutOp>(store) ? cast<overlap::PutOp>(store).getTarget()
                                            : cast<overlap::ReduceAddOp>(store).getTarget();
  if (bufferOf(load.getSource()) == bufferOf(target))
    return load.emitOpError("expected a product that is stored in another buffer than what it takes, for CUDA");
  if (load.getResult().getType().getDimSize(1) != load.getSource().getType().getShape()[1])
    return load.emitOpError("expected whole rows for CUDA");
  return success();
}

static LogicalResult checkProduct(lm::LinearOp op) {
  if (op.getBias())
    return op.emitOpError("expected a product without bias in a program for CUDA");
  // A part of a kernel has the products of one input, which share its tiles.
  Operation *parent = op->getParentOp();
  int64_t products = 0;
  parent->walk([&](lm::LinearOp) { ++products; });
  if (!isa<overlap::TilesOp, overlap::TriggerOp>(parent) || products > 1)
    return op.emitOpError("expected one product alone in 'overlap.tiles' or 'overlap.trigger' for CUDA");
  if (!op->hasOneUse() || !isa<overlap::PutOp, overlap::ReduceAddOp>(*op->user_begin()))
    return op.emitOpError("expected one 'overlap.put' or 'overlap.reduce_add' of the product for CUDA");
  for (Value operand : op->getOperands().take_front(2)) {
    if (auto load = operand.getDefiningOp<overlap::LoadOp>()) {
      if (failed(checkLoadOfProduct(load, op)))
        return failure();
      continue;
    }
    if (auto slice = operand.getDefiningOp<overlap::SliceOp>()) {
      if (failed(checkOffset(slice, slice.getOffsets()[1])))
        return failure();
      operand = slice.getInput();
    }
    if (!isa<BlockArgument>(operand))
      return op.emitOpError("expected a product of arguments, slices of them or what is loaded for CUDA");
  }
  return success();
}

static LogicalResult checkOp(Operation *op) {
  auto pool = [&](overlap::PoolAttr attr) -> LogicalResult {
    if (attr.getResource() != overlap::Resource::sms)
      return op->emitOpError("expected a pool of sms for CUDA but got ") << attr;
    return success();
  };
  auto store = [&](auto put) -> LogicalResult {
    if (put.getEngine() == overlap::Engine::copy)
      return put.emitOpError("has no CUDA code by a copy engine: that is the stream's");
    // What products take, by stores of threads.
    bool isInput = isa<overlap::PutOp>(put) && put.getEngine() == overlap::Engine::st;
    if (!isMatrix(put.getValue().getType(), isInput))
      return put.emitOpError("expected a matrix of f32 for CUDA but got ") << put.getValue().getType();
    if (!productOf(put.getValue()))
      return checkOffset(put, put.getOffsets()[1]);
    if (put.getTarget().template getDefiningOp<overlap::ViewOp>().getWindow() == overlap::Window::multicast)
      return put.emitOpError("expected a product to be stored in the memory of one rank for CUDA");
    return success();
  };
  auto load = [&](auto read) -> LogicalResult {
    if (!isMatrix(read.getResult().getType(), isOfProduct(read)))
      return read.emitOpError("expected a matrix of f32 for CUDA but got ") << read.getResult().getType();
    return checkOffset(read, read.getOffsets()[1]);
  };
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<overlap::RegionOp, overlap::TilesOp, overlap::TriggerOp>([&](auto r) { return pool(r.getPool()); })
      .Case<overlap::PutOp, overlap::ReduceAddOp>(store)
      .Case<overlap::LoadOp, overlap::LoadReduceOp>(load)
      .Case<overlap::PublishOp>([&](auto publish) -> LogicalResult {
        if (!isMatrix(publish.getValue().getType(), /*isInput=*/false) || productOf(publish.getValue()))
          return publish.emitOpError("expected a matrix of f32 that is no product for CUDA");
        return checkOffset(publish, publish.getOffsets()[1]);
      })
      .Case<overlap::PollOp>(load)
      .Case<overlap::ClearOp>([](auto clear) -> LogicalResult {
        if (clear.getSize().size() != 2)
          return clear.emitOpError("expected a matrix for CUDA but got sizes ") << clear.getSize();
        return checkOffset(clear, clear.getOffsets()[1]);
      })
      .Case<lm::LinearOp>([](auto product) { return checkProduct(product); })
      .Case<overlap::TrackOp>([&](auto track) -> LogicalResult {
        if (!track.getExpect())
          return track.emitOpError("expected a map of arrivals for CUDA but got a table");
        return success();
      })
      .Case<overlap::SliceOp>([&](auto slice) -> LogicalResult {
        if (!isa<BlockArgument>(slice.getInput()))
          return slice.emitOpError("expected a slice of an argument for CUDA");
        bool ofProduct = llvm::all_of(slice->getUsers(), llvm::IsaPred<lm::LinearOp>);
        return ofProduct ? success() : checkOffset(slice, slice.getOffsets()[1]);
      })
      .Case<arith::ConstantOp>([&](auto constant) -> LogicalResult {
        if (isa<IndexType>(constant.getType()) || isa<SplatElementsAttr>(constant.getValue()))
          return success();
        return constant.emitOpError("expected an index or one number for all elements for CUDA");
      })
      .Case<overlap::AllocOp, overlap::ViewOp, overlap::RankOp, overlap::NumRanksOp, overlap::ArriveOp, overlap::WaitOp,
            overlap::MergeOp, overlap::QuietOp, overlap::ReturnOp, arith::AddIOp, arith::SubIOp, arith::MulIOp,
            arith::DivUIOp, arith::RemUIOp>([](Operation *) { return success(); })
      .Default([](Operation *other) -> LogicalResult {
        if (!isa<CudaRowKernelOpInterface>(other))
          return other->emitOpError("has no CUDA code in a program");
        for (Value operand : other->getOperands())
          if (operand.getDefiningOp<arith::ConstantOp>())
            return other->emitOpError("expected no constant for CUDA");
        return success();
      });
}

namespace {
struct GenerateCudaProtocolsPass : plait::impl::GenerateCudaProtocolsPassBase<GenerateCudaProtocolsPass> {
  using GenerateCudaProtocolsPassBase::GenerateCudaProtocolsPassBase;

  void runOnOperation() override {
    auto resolved = resolveCudaMachine("cuda:" + chip);
    auto at = [&] { return mlir::emitError(getOperation().getLoc()); };
    if (!resolved) {
      at() << "expected chip to be sm_80, sm_90a or sm_100a but got '" << std::string(chip) << "'";
      return signalPassFailure();
    }
    machine = *resolved;
    auto kind = llvm::StringSwitch<std::optional<CudaMulticast>>(std::string(multicast))
                    .Case("loop", CudaMulticast::loop)
                    .Case("stores", CudaMulticast::stores)
                    .Case("all", CudaMulticast::all)
                    .Default(std::nullopt);
    if (!kind || (*kind != CudaMulticast::loop && machine.unit != MatrixUnit::wgmma)) {
      at() << "expected multicast to be loop, or, for sm_90a, stores or all, but got '" << std::string(multicast)
           << "'";
      return signalPassFailure();
    }
    for (auto program : llvm::make_early_inc_range(getOperation().getOps<overlap::ProgramOp>()))
      if (!program.isExternal() && failed(generate(program, *kind)))
        return signalPassFailure();
  }

  LogicalResult generate(overlap::ProgramOp program, CudaMulticast kind) {
    if (program.countRanks() > PLAIT_TEAM_MOST_RANKS)
      return program.emitOpError("expected at most ") << PLAIT_TEAM_MOST_RANKS << " ranks for CUDA";
    WalkResult walked = program.getBody().walk<WalkOrder::PreOrder>(
        [](Operation *op) { return failed(checkOp(op)) ? WalkResult::interrupt() : WalkResult::advance(); });
    if (walked.wasInterrupted())
      return failure();
    for (auto region : program.getBody().getOps<overlap::RegionOp>())
      if (int64_t workers = region.getPool().getCount(); workers > machine.processors)
        return region.emitOpError("expected at most ")
               << machine.processors << " workers, the SMs of a GPU of " << machine.name << ", but got " << workers
               << ": those that wait for each other have to be there at the same time";
    // Of the two kinds of products one in a kernel.
    for (auto region : program.getBody().getOps<overlap::RegionOp>()) {
      lm::LinearOp kinds[2];
      region.walk([&](lm::LinearOp op) { kinds[bool(op.getInput().getDefiningOp<overlap::LoadOp>())] = op; });
      if (kinds[0] && kinds[1] && machine.unit == MatrixUnit::wgmma)
        return kinds[1].emitOpError("expected all products of a region to take what is loaded for ")
               << machine.name << ", or none";
    }
    for (Type type : program.getArgumentTypes())
      if (!isMatrix(type, /*isInput=*/true) && !isa<lm::WeightType>(type))
        return program.emitOpError("expected arguments that are weights or matrices of f32 or bf16 for CUDA but got ")
               << type;

    OpBuilder b(program);
    overlap::ProgramMemory memory(program);
    auto target =
        NVVM::NVVMTargetAttr::get(&getContext(), /*optLevel=*/3, "nvptx64-nvidia-cuda", machine.name, machine.features);
    std::string name = program.getSymName().str();
    auto module = gpu::GPUModuleOp::create(b, program.getLoc(), name, b.getArrayAttr(target));
    module->setAttr("overlap.memory", b.getI64IntegerAttr(memory.bytes));
    std::replace(name.begin(), name.end(), '.', '_'); // PTX has no dots in names
    SmallVector<Attribute> entries;
    auto add = [&](CudaKernelEmitter::Entry entry, llvm::function_ref<LogicalResult(CudaProtocolEmitter &)> emit) {
      OpBuilder inside = OpBuilder::atBlockEnd(module.getBody());
      auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()), {});
      auto function =
          LLVM::LLVMFuncOp::create(inside, program.getLoc(), name + "_" + std::to_string(entries.size()), type);
      CudaProtocolEmitter emitter(program, function, machine, entry, memory, kind);
      if (failed(emit(emitter)))
        return failure();
      entries.push_back(emitter.finishProtocol());
      ++numEntries;
      return success();
    };
    // What is between regions comes before and behind them on a stream.
    SmallVector<Operation *> stream;
    auto flush = [&]() -> LogicalResult {
      SmallVector<Operation *> ops = std::exchange(stream, {});
      int64_t workers = CudaProtocolEmitter::workersOf(ops);
      if (!workers)
        return success();
      return add(entryOf(ops), [&](CudaProtocolEmitter &e) { return e.emitStream(ops, workers); });
    };
    for (Operation &op : program.getBody().front()) {
      auto region = dyn_cast<overlap::RegionOp>(op);
      if (!region) {
        stream.push_back(&op);
      } else if (failed(flush()) ||
                 failed(add(entryOf(&op), [&](CudaProtocolEmitter &e) { return e.emitRegion(region); }))) {
        return failure();
      }
    }
    if (failed(flush()))
      return failure();
    module->setAttr("overlap.entries", b.getArrayAttr(entries));
    program.erase();
    return success();
  }

  /// Threads for some columns each of the longest row, or those that a product takes.
  CudaKernelEmitter::Entry entryOf(ArrayRef<Operation *> ops) {
    int64_t widest = 1;
    bool hasProduct = false, hasLoaded = false;
    for (Operation *root : ops)
      root->walk([&](Operation *op) {
        hasProduct |= isa<lm::LinearOp>(op);
        hasLoaded |= isOfProduct(op);
        for (Type type : op->getOperandTypes())
          if (auto tensor = dyn_cast<RankedTensorType>(type))
            widest = std::max(widest, tensor.getDimSize(1));
      });
    if (hasLoaded)
      return MmaProduct::entryFor(64);
    if (hasProduct) // with one warpgroup that multiplies, so that registers stay where they are
      return machine.unit == MatrixUnit::wgmma ? WgmmaProduct::entryFor(64) : MmaProduct::entryFor(64);
    int64_t threads = llvm::alignTo(llvm::divideCeilSigned(widest, 16), 32);
    return {/*rows=*/0, std::clamp<int64_t>(threads, 64, 512)};
  }

  CudaMachine machine;
};
} // namespace
