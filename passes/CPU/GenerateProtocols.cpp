//===- GenerateProtocols.cpp - From overlap.program to CPU code -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Passes.h"
#include "passes/CPU/ProtocolEmitter.h"

#include "plait-abi/Protocol.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/TypeSwitch.h"

namespace plait {
#define GEN_PASS_DEF_GENERATECPUPROTOCOLSPASS
#include "passes/CPU/Passes.h.inc"
} // namespace plait

using namespace plait;

static_assert(offsetof(plait_protocol_v1_t, parts) == 24 && offsetof(plait_protocol_v1_t, result_count) == 44 &&
              sizeof(plait_protocol_v1_t) == 48);

/// A matrix of f32 whose extents are known.
static LogicalResult checkMatrix(Operation *op, Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && tensor.getRank() == 2 && tensor.hasStaticShape() && tensor.getElementType().isF32())
    return success();
  return op->emitOpError("expected a matrix of f32 for a CPU but got ") << type;
}

static LogicalResult checkOp(Operation *op) {
  if (auto track = dyn_cast<overlap::TrackOp>(op); track && !track.getExpect())
    return track.emitOpError("expected a map of arrivals for a CPU but got a table");
  for (TypeRange types : {TypeRange(op->getOperandTypes()), TypeRange(op->getResultTypes())})
    for (Type type : types)
      if (isa<RankedTensorType>(type) && failed(checkMatrix(op, type)))
        return failure();
  return llvm::TypeSwitch<Operation *, LogicalResult>(op)
      .Case<arith::ConstantOp>([&](auto constant) -> LogicalResult {
        if (isa<IndexType>(constant.getType()) || isa<SplatElementsAttr>(constant.getValue()))
          return success();
        return constant.emitOpError("expected an index or one number for all elements for a CPU");
      })
      .Case<overlap::SliceOp>([&](auto slice) -> LogicalResult {
        if (isa<BlockArgument>(slice.getInput()))
          return success();
        return slice.emitOpError("expected a slice of an argument for a CPU");
      })
      .Case<overlap::ClearOp>([&](auto clear) -> LogicalResult {
        if (clear.getSize().size() == 2)
          return success();
        return clear.emitOpError("expected a matrix for a CPU but got sizes ") << clear.getSize();
      })
      .Case<overlap::RegionOp, overlap::TilesOp, overlap::TriggerOp, overlap::PutOp, overlap::ReduceAddOp,
            overlap::LoadOp, overlap::LoadReduceOp, overlap::PublishOp, overlap::PollOp, overlap::AllocOp,
            overlap::TrackOp, overlap::ViewOp, overlap::RankOp, overlap::NumRanksOp, overlap::ArriveOp, overlap::WaitOp,
            overlap::MergeOp, overlap::QuietOp, overlap::ReturnOp>([](Operation *) { return success(); })
      .Default([](Operation *other) -> LogicalResult {
        bool isIndex = isa<arith::ArithDialect>(other->getDialect()) &&
                       llvm::all_of(other->getResultTypes(), [](Type type) { return type.isIndex(); }) &&
                       llvm::all_of(other->getOperandTypes(), [](Type type) { return type.isIndex(); });
        if (isIndex || isa<CpuKernelOpInterface>(other))
          return success();
        return other->emitOpError("has no CPU code in a program");
      });
}

namespace {
struct GenerateCpuProtocolsPass : plait::impl::GenerateCpuProtocolsPassBase<GenerateCpuProtocolsPass> {
  using GenerateCpuProtocolsPassBase::GenerateCpuProtocolsPassBase;

  void runOnOperation() override {
    if (lanes != 4 && lanes != 8 && lanes != 16) {
      mlir::emitError(getOperation().getLoc(), "expected lanes to be 4, 8 or 16 but got ") << unsigned(lanes);
      return signalPassFailure();
    }
    // What programs implement, and the steps they were written from, have symbols of their own.
    SmallVector<Operation *> given;
    for (Operation &op : getOperation().getBody()->getOperations())
      given.push_back(&op);
    for (Operation *op : given)
      if (auto program = dyn_cast<overlap::ProgramOp>(op); program && !program.isExternal())
        if (failed(generate(program)))
          return signalPassFailure();
    for (Operation *op : given)
      op->erase();
  }

  LogicalResult generate(overlap::ProgramOp program) {
    if (program.countRanks() > PLAIT_TEAM_MOST_RANKS)
      return program.emitOpError("expected at most ") << PLAIT_TEAM_MOST_RANKS << " ranks for a CPU";
    WalkResult walked = program.getBody().walk<WalkOrder::PreOrder>(
        [](Operation *op) { return failed(checkOp(op)) ? WalkResult::interrupt() : WalkResult::advance(); });
    if (walked.wasInterrupted())
      return failure();
    for (Type type : program.getArgumentTypes())
      if (!isa<lm::WeightType>(type) && failed(checkMatrix(program, type)))
        return failure();

    overlap::ProgramMemory memory(program);
    std::string name = program.getSymName().str();
    CpuTarget target{lanes, fma};
    TileKernels kernels(getOperation(), name, target);
    SmallVector<std::pair<std::string, int64_t>> parts; // functions and workers
    int64_t scratch = 0;
    auto add = [&](int64_t workers, llvm::function_ref<LogicalResult(CpuProtocolEmitter &)> emit) {
      OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
      Type address = LLVM::LLVMPointerType::get(&getContext());
      auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(&getContext()), {address});
      parts.push_back({name + "_part" + std::to_string(parts.size()), workers});
      auto function = LLVM::LLVMFuncOp::create(b, program.getLoc(), parts.back().first, type);
      function.setLinkage(LLVM::Linkage::Internal);
      function.setNoUnwind(true);
      function.setPassthroughAttr(b.getArrayAttr(b.getStringAttr("no-builtins"))); // as kernels
      CpuProtocolEmitter emitter(program, function, target, memory, kernels, delays);
      LogicalResult emitted = emit(emitter);
      emitter.finish();
      scratch = std::max(scratch, emitter.getScratchBytes());
      ++numParts;
      return emitted;
    };
    SmallVector<Operation *> between;
    auto flush = [&]() -> LogicalResult {
      SmallVector<Operation *> ops = std::exchange(between, {});
      // Ops that are emitted where they are used make no part.
      bool hasWork = llvm::any_of(
          ops, [](Operation *op) { return !isMemoryEffectFree(op) && !isa<overlap::AllocOp, overlap::TrackOp>(op); });
      return hasWork ? add(1, [&](CpuProtocolEmitter &e) { return e.emitStream(ops); }) : success();
    };
    for (Operation &op : program.getBody().front()) {
      auto region = dyn_cast<overlap::RegionOp>(op);
      if (!region)
        between.push_back(&op);
      else if (failed(flush()) || failed(add(CpuProtocolEmitter::countWorkers(region),
                                             [&](CpuProtocolEmitter &e) { return e.emitRegion(region); })))
        return failure();
    }
    if (failed(flush()))
      return failure();
    emitTable(program, name, memory.bytes, scratch, parts);
    return success();
  }

  //===- plait_protocol_v1_t ----------------------------------------------===//

  /// A constant of `elements`: integers, or names of symbols.
  struct Member {
    int64_t value = 0;
    unsigned bits = 0; ///< 0: the address of `symbol`
    std::string symbol = {};
  };
  void emitConstant(OpBuilder &b, Location loc, StringRef name, LLVM::Linkage linkage, ArrayRef<Member> members) {
    Type address = LLVM::LLVMPointerType::get(&getContext());
    SmallVector<Type> types;
    for (const Member &member : members)
      types.push_back(member.bits ? Type(b.getIntegerType(member.bits)) : address);
    Type type = LLVM::LLVMStructType::getLiteral(&getContext(), types);
    auto global =
        LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/true, linkage, name, Attribute(), /*alignment=*/8);
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&global.getInitializerRegion());
    Value table = LLVM::UndefOp::create(b, loc, type);
    for (auto [i, member] : llvm::enumerate(members)) {
      Value value;
      if (member.bits)
        value = LLVM::ConstantOp::create(b, loc, b.getIntegerAttr(b.getIntegerType(member.bits), member.value));
      else
        value = LLVM::AddressOfOp::create(b, loc, address, member.symbol);
      table = LLVM::InsertValueOp::create(b, loc, table, value, ArrayRef<int64_t>{int64_t(i)});
    }
    LLVM::ReturnOp::create(b, loc, table);
  }

  void emitTable(overlap::ProgramOp program, StringRef name, int64_t memory, int64_t scratch,
                 ArrayRef<std::pair<std::string, int64_t>> parts) {
    OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
    SmallVector<Member> rows;
    for (const auto &[function, workers] : parts) {
      rows.push_back({0, 0, function});
      rows.push_back({workers, 64});
    }
    emitConstant(b, program.getLoc(), (name + "_parts").str(), LLVM::Linkage::Internal, rows);
    // Its name is the program's, which is erased in the end.
    FunctionType type = program.getFunctionType();
    std::string own = name.str();
    program.setSymName(own + "_program");
    emitConstant(b, program.getLoc(), own, LLVM::Linkage::External,
                 {{int64_t(sizeof(plait_protocol_v1_t)), 64},
                  {memory, 64},
                  {scratch, 64},
                  {0, 0, own + "_parts"},
                  {int64_t(parts.size()), 32},
                  {program.countRanks(), 32},
                  {int64_t(type.getNumInputs()), 32},
                  {int64_t(type.getNumResults()), 32}});
  }
};
} // namespace
