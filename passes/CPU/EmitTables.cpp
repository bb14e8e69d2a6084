//===- EmitTables.cpp - The tables of a model binary ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/Passes.h"

#include "dialects/Rt/Rt.h"
#include "plait-abi/Model.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

#include <cstddef>
#include <map>

namespace plait {
#define GEN_PASS_DEF_EMITTABLESPASS
#include "passes/CPU/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

/// One member of a struct: an integer of the width that the ABI gives it, or the
/// address of a global or function (null if the symbol is empty).
struct Field {
  Field(int64_t value, unsigned bits) : value(value), bits(bits) {}
  Field(StringRef symbol) : symbol(symbol) {}
  Field(const std::string &symbol) : symbol(symbol) {}
  int64_t value = 0;
  unsigned bits = 0;
  std::string symbol;
};
Field i32(int64_t value) { return {value, 32}; }
Field i64(int64_t value) { return {value, 64}; }
using Row = SmallVector<Field>;

// The rows below list the members in order; these guard their number and size.
static_assert(offsetof(plait_kernel_v1_t, tile_dim) == 32 && offsetof(plait_kernel_v1_t, tile_block) == 24);
static_assert(offsetof(plait_weight_v4_t, pack_offset) == 16 && offsetof(plait_weight_v4_t, dtype) == 72);
static_assert(offsetof(plait_weight_v4_t, row_begin) == 104);
static_assert(offsetof(plait_state_v3_t, cells) == 40 && offsetof(plait_state_v3_t, table) == 48);
static_assert(offsetof(plait_plan_v2_t, slot_count) == 40);
static_assert(offsetof(plait_collective_v4_t, columns) == 16 && offsetof(plait_collective_v4_t, node_bounds) == 32);
static_assert(offsetof(plait_collective_v4_t, algorithms) == 64 && offsetof(plait_sum_range_v1_t, algorithm) == 8);
static_assert(offsetof(plait_collective_v4_t, group) == 48 && offsetof(plait_model_v4_t, groups) == 144);
static_assert(offsetof(plait_model_v4_t, kernels) == 72 && offsetof(plait_model_v4_t, kernel_count) == 112);
static_assert(offsetof(plait_launch_v3_t, source) == 28 && offsetof(plait_launch_v3_t, redundant) == 32);
static_assert(offsetof(plait_entry_v1_t, grid_count) == 32 && offsetof(plait_tensor_map_v1_t, buffer) == 16);
static_assert(offsetof(plait_model_v4_t, gpu) == PLAIT_MODEL_LEAST_SIZE);

struct EmitTablesPass : plait::impl::EmitTablesPassBase<EmitTablesPass> {
  using EmitTablesPassBase::EmitTablesPassBase;

  void runOnOperation() override {
    auto models = llvm::to_vector(getOperation().getOps<rt::ModelOp>());
    if (models.empty()) {
      getOperation().emitError("expected an 'rt.model' but found none");
      return signalPassFailure();
    }
    b = OpBuilder::atBlockEnd(getOperation().getBody());
    loc = models.front().getLoc();
    for (rt::ModelOp model : models) {
      prefix = getPrefix(model, models.front());
      name = models.front().getSymName();
      if (failed(emitModel(model)))
        return signalPassFailure();
    }
    emitQuery(models);
    for (rt::ModelOp model : models)
      model.erase();
  }

private:
  /// Tables of the first model have plain names, those of other ranks their number.
  static std::string getPrefix(rt::ModelOp model, rt::ModelOp first) {
    return model == first ? "plait_" : "plait_rank" + std::to_string(model.getNumber()) + "_";
  }

  //===- Globals ----------------------------------------------------------===//

  Type pointerType() { return LLVM::LLVMPointerType::get(&getContext()); }

  std::string emitString(StringRef text) {
    auto [it, fresh] = strings.insert({text.str(), ""});
    if (fresh) {
      it->second = "plait_string_" + std::to_string(strings.size() - 1);
      std::string data = text.str() + '\0';
      emitConstant(it->second, LLVM::LLVMArrayType::get(b.getI8Type(), data.size()), b.getStringAttr(data));
    }
    return it->second;
  }

  LLVM::GlobalOp emitConstant(StringRef name, Type type, Attribute value) {
    return LLVM::GlobalOp::create(b, loc, type, /*isConstant=*/true, LLVM::Linkage::Internal, name, value,
                                  /*alignment=*/8);
  }

  /// A table without pointers: `rows` flattened to integers of `bits` width.
  std::string emitIntegers(StringRef name, ArrayRef<int64_t> values, unsigned bits) {
    if (values.empty())
      return "";
    Type element = b.getIntegerType(bits);
    auto shape = RankedTensorType::get({int64_t(values.size())}, element);
    DenseElementsAttr data = bits == 32
                                 ? DenseElementsAttr::get(shape, ArrayRef<int32_t>(llvm::to_vector_of<int32_t>(values)))
                                 : DenseElementsAttr::get(shape, values);
    emitConstant(name, LLVM::LLVMArrayType::get(element, values.size()), data);
    return name.str();
  }

  Type getType(const Row &row) {
    SmallVector<Type> members;
    for (const Field &field : row)
      members.push_back(field.bits ? Type(b.getIntegerType(field.bits)) : pointerType());
    return LLVM::LLVMStructType::getLiteral(&getContext(), members);
  }

  /// A table of structs with pointers in them.
  std::string emitStructs(StringRef name, ArrayRef<Row> rows) {
    if (rows.empty())
      return "";
    Type rowType = getType(rows.front());
    Type type = LLVM::LLVMArrayType::get(rowType, rows.size());
    auto global = emitConstant(name, type, Attribute());
    OpBuilder::InsertionGuard guard(b);
    b.createBlock(&global.getInitializerRegion());
    Value table = LLVM::UndefOp::create(b, loc, type);
    for (auto [i, row] : llvm::enumerate(rows))
      for (auto [j, field] : llvm::enumerate(row)) {
        Value member;
        if (field.bits)
          member = LLVM::ConstantOp::create(b, loc, b.getIntegerAttr(b.getIntegerType(field.bits), field.value));
        else if (field.symbol.empty())
          member = LLVM::ZeroOp::create(b, loc, pointerType());
        else
          member = LLVM::AddressOfOp::create(b, loc, pointerType(), field.symbol);
        table = LLVM::InsertValueOp::create(b, loc, table, member, ArrayRef<int64_t>{int64_t(i), int64_t(j)});
      }
    LLVM::ReturnOp::create(b, loc, table);
    return name.str();
  }

  //===- Tables -----------------------------------------------------------===//

  FailureOr<Row> getKernelRow(rt::KernelOp kernel) {
    if (kernel.getEntries()) // of a GPU alone
      return Row{emitString(kernel.getFunction()), StringRef(), i64(0), i64(1), i32(-1), i32(0)};
    auto function = getOperation().lookupSymbol<LLVM::LLVMFuncOp>(kernel.getFunction());
    if (!kernel.getTiles() || !function)
      return kernel.emitOpError("expected an 'llvm.func' and tiles; 'plait-generate-cpu-kernels' makes them");
    // The tables lead to it. Were it exported, a function of the process with the
    // same name could take its place.
    function.setLinkage(LLVM::Linkage::Internal);
    rt::TilesAttr tiles = *kernel.getTiles();
    return Row{emitString(kernel.getFunction()),
               kernel.getFunction(),
               i64(tiles.getCount()),
               i64(tiles.getBlock()),
               i32(tiles.getDim()),
               i32(tiles.getCyclic())};
  }

  Row getEntryRow(rt::EntryAttr entry, ArrayRef<int64_t> resources, const std::string &prefix) {
    SmallVector<Row> grids, maps;
    for (rt::TilesAttr tiles : entry.getGrid())
      grids.push_back({i64(tiles.getCount()), i64(tiles.getBlock()), i32(tiles.getDim()), i32(0)});
    for (rt::TensorMapAttr map : entry.getMaps())
      maps.push_back({i64(map.getRows()), i64(map.getColumns()), i32(map.getBuffer()), i32(map.getBox())});
    Row row = {emitString(entry.getName()),
               emitStructs(prefix + "grids", grids),
               emitStructs(prefix + "maps", maps),
               i64(entry.getRows()),
               i32(grids.size()),
               i32(maps.size()),
               i32(entry.getThreads()),
               i32(entry.getShared())};
    for (int64_t number : resources)
      row.push_back(i32(number));
    return row;
  }

  /// Image and entries of a kernel; none of one for the host.
  FailureOr<Row> getGpuKernelRow(rt::KernelOp kernel, size_t index) {
    if (!kernel.getEntries())
      return Row{StringRef(), i64(0), StringRef(), i32(0), i32(0)};
    auto entries = llvm::to_vector(kernel.getEntriesAttr().getAsRange<rt::EntryAttr>());
    constexpr size_t perEntry = 4;
    if (!kernel.getImage() || !kernel.getResources() || kernel.getResources()->size() != perEntry * entries.size())
      return kernel.emitOpError("expected an image and what its entries take; the driver sets them after cuda");
    StringRef bytes = *kernel.getImage();
    std::string name = prefix + "gpu_" + std::to_string(index) + "_";
    // Ranks have kernels in common.
    LLVM::GlobalOp &image = images[kernel.getFunctionAttr()];
    if (!image) {
      image =
          emitConstant(name + "image", LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size()), b.getStringAttr(bytes));
      image.setAlignment(64);
    }
    SmallVector<Row> rows;
    for (auto [i, entry] : llvm::enumerate(entries))
      rows.push_back(
          getEntryRow(entry, kernel.getResources()->slice(perEntry * i, perEntry), name + std::to_string(i) + "_"));
    return Row{StringRef(image.getSymName()), i64(bytes.size()), emitStructs(name + "entries", rows), i32(rows.size()),
               i32(0)};
  }

  Row getWeightRow(rt::WeightOp w) {
    return {emitString(w.getName()),
            emitString(w.getSource()),
            i64(w.getOffset()),
            i64(w.getLayerBytes()),
            i64(w.getLayers()),
            i64(w.getLayerFirst()),
            i64(w.getLayerStep()),
            i64(w.getRows()),
            i64(w.getCols()),
            i32(getDtype(w.getElement())),
            i32(w.getPanel() ? PLAIT_LAYOUT_PANELS : PLAIT_LAYOUT_ROWS),
            i32(w.getPanel()),
            i32(w.getGroup()),
            i32(w.getTransposed()),
            i32(w.getZeroPoints()),
            i64(w.getScaleGroup()),
            i64(w.getRowBegin()),
            i64(w.getColBegin()),
            i64(w.getWholeRows()),
            i64(w.getWholeCols())};
  }

  static plait_dtype_t getDtype(Type element) {
    if (element.isInteger())
      return element.isInteger(8) ? PLAIT_DTYPE_I8 : PLAIT_DTYPE_I4;
    return element.isF32() ? PLAIT_DTYPE_F32 : PLAIT_DTYPE_BF16;
  }

  Row getCollectiveRow(rt::CollectiveOp op, StringRef prefix) {
    auto table = [&](StringRef name, std::optional<ArrayRef<int64_t>> values) {
      return emitIntegers((prefix + name).str(), values.value_or(ArrayRef<int64_t>()), 64);
    };
    SmallVector<Row> ranges;
    if (op.getAlgorithms())
      for (auto range : op.getAlgorithms()->getAsRange<rt::SumRangeAttr>())
        ranges.push_back({i64(range.getRows()), i32(int64_t(range.getAlgorithm())), i32(/*reserved=*/0)});
    return {i32(int64_t(op.getKind())),
            i32(op.getToDim()   ? int64_t(*op.getToDim())
                : op.getParts() ? 1
                                : 0),
            i32(op.getRowDim()),
            i32(op.getNodeEnds() ? op.getNodeEnds()->size() : 0),
            i64(op.getColumns()),
            table("parts", op.getParts()),
            table("node_bounds", op.getNodeBounds()),
            table("node_ends", op.getNodeEnds()),
            i32(op.getGroup()),
            i32(int64_t(op.getOrder())),
            i32(int64_t(op.getPrecision())),
            i32(op.isFused() ? int64_t(op.getEpilogue()) : int64_t(op.getOther())),
            emitStructs((prefix + "algorithms").str(), ranges),
            i32(ranges.size()),
            i32(/*reserved=*/0)};
  }

  Row getPlanRow(rt::PlanOp plan, int64_t index) {
    std::string prefix = this->prefix + "plan_" + std::to_string(index) + "_";
    SmallVector<int64_t> slots, arguments, launches;
    SmallVector<Row> collectives;
    Block &body = plan.getBody().front();
    for (rt::SlotOp slot : body.getOps<rt::SlotOp>())
      llvm::append_range(slots, slot.getBytes());
    int64_t launchCount = 0;
    auto add = [&](auto op, int64_t kernel, ArrayRef<Attribute> operands, int64_t barrier, bool redundant) {
      int64_t firstArgument = arguments.size() / 2;
      for (Attribute operand : operands)
        arguments.append({int64_t(cast<rt::ArgAttr>(operand).getKind()), cast<rt::ArgAttr>(operand).getIndex()});
      launches.append({kernel, firstArgument, int64_t(operands.size()), barrier, int64_t(op.getLayerBegin()),
                       int64_t(op.getLayerEnd()), op.getLoopBegin(), getSourceIndex(op.getSource()), redundant,
                       /*reserved=*/0});
      ++launchCount;
    };
    for (Operation &op : body)
      if (auto launch = dyn_cast<rt::LaunchOp>(op)) {
        add(launch, kernelIndex.lookup(launch.getKernelAttr()), launch.getArguments().getValue(),
            launch.getIfShared() ? 2 : launch.getBarrier(), launch.getRedundant());
      } else if (auto collective = dyn_cast<rt::CollectiveOp>(op)) {
        add(collective, -1 - int64_t(collectives.size()), collective.getBuffers(), /*barrier=*/1,
            /*redundant=*/false);
        std::string name = prefix + "collective_" + std::to_string(collectives.size()) + "_";
        collectives.push_back(getCollectiveRow(collective, name));
      }
    return {emitString(plan.getName()),
            emitIntegers(prefix + "slots", slots, 64),
            emitIntegers(prefix + "args", arguments, 32),
            emitIntegers(prefix + "launches", launches, 32),
            emitStructs(prefix + "collectives", collectives),
            i32(int64_t(slots.size()) / (PLAIT_DIM_COUNT + 1)),
            i32(int64_t(arguments.size()) / 2),
            i32(launchCount),
            i32(collectives.size()),
            i32(plan.getHasLogits()),
            i32(plan.getHidden())};
  }

  int64_t getSourceIndex(StringRef source) {
    auto it = llvm::find(sources, source);
    if (it == sources.end())
      it = sources.insert(it, source.str());
    return it - sources.begin();
  }

  /// No ranks have a switch that adds up: those of GPUs, too, add what goes through their hosts.
  static LogicalResult verifyAlgorithms(rt::ModelOp model) {
    WalkResult result = model.walk([&](rt::CollectiveOp op) {
      if (!op.getAlgorithms())
        return WalkResult::advance();
      for (auto range : op.getAlgorithms()->getAsRange<rt::SumRangeAttr>())
        if (range.getAlgorithm() == rt::SumAlgorithm::multimem) {
          op.emitOpError("expected an algorithm that ranks have (one_shot, two_shot, lamport or ring) but got "
                         "multimem from ")
              << range.getRows() << " rows on, which is a switch's; leave it to the runtime (--no-select-algorithms), "
              << "or compile for a machine without 'multicast'";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }

  LogicalResult emitModel(rt::ModelOp model) {
    Block &body = model.getBody().front();
    if (body.getOps<rt::PlanOp>().empty())
      return model.emitOpError("expected an 'rt.plan' but found none; 'plait-plan-launches' makes them");
    if (failed(verifyAlgorithms(model)))
      return failure();
    SmallVector<Row> kernels, gpuKernels, weights, states, groups, plans, sourceRows;
    kernelIndex.clear();
    sources.clear();
    for (rt::KernelOp kernel : body.getOps<rt::KernelOp>()) {
      kernelIndex[kernel.getFunctionAttr()] = kernels.size();
      auto row = getKernelRow(kernel);
      if (failed(row))
        return failure();
      auto gpuRow = getGpuKernelRow(kernel, kernels.size());
      if (failed(gpuRow))
        return failure();
      kernels.push_back(*row);
      gpuKernels.push_back(*gpuRow);
    }
    std::string gpu;
    if (model.getChip())
      gpu = emitStructs(prefix + "gpu",
                        Row{emitString(*model.getChip()), emitStructs(prefix + "gpu_kernels", gpuKernels)});
    for (rt::WeightOp weight : body.getOps<rt::WeightOp>())
      weights.push_back(getWeightRow(weight));
    int64_t tableCount = 0;
    for (rt::StateOp state : body.getOps<rt::StateOp>()) {
      std::string cells = prefix + "cells_" + std::to_string(states.size());
      states.push_back({emitString(state.getName()), i64(state.getLayers()), i64(state.getPageTokens()),
                        i64(state.getPageBytes()), i64(state.getWindow()), emitIntegers(cells, state.getCells(), 64),
                        i32(state.getTable()), i32(int64_t(state.getCells().size() / (sizeof(plait_cells_v1_t) / 8)))});
      tableCount = std::max(tableCount, int64_t(state.getTable()) + 1);
    }
    for (rt::GroupOp group : body.getOps<rt::GroupOp>()) {
      std::string name = prefix + "group_" + std::to_string(groups.size());
      groups.push_back({emitIntegers(name, group.getMembers(), 32), i32(group.getMembers().size()), i32(0)});
    }
    for (rt::PlanOp plan : body.getOps<rt::PlanOp>())
      plans.push_back(getPlanRow(plan, plans.size()));
    for (const std::string &source : sources)
      sourceRows.push_back({Field(emitString(source))});

    emitStructs(prefix + "model", Row{i64(sizeof(plait_model_v4_t)),
                                      i32(PLAIT_ABI_VERSION),
                                      i32(PLAIT_ABI_MAGIC),
                                      emitString(name),
                                      emitString(isa),
                                      emitString(model.getNumerics()),
                                      i64(model.getVocabulary()),
                                      i64(model.getMaxPositions()),
                                      i64(model.getLayers()),
                                      i64(model.getPackBytes()),
                                      emitStructs(prefix + "kernels", kernels),
                                      emitStructs(prefix + "weights", weights),
                                      emitStructs(prefix + "states", states),
                                      emitStructs(prefix + "plans", plans),
                                      emitStructs(prefix + "sources", sourceRows),
                                      i32(kernels.size()),
                                      i32(weights.size()),
                                      i32(states.size()),
                                      i32(plans.size()),
                                      i32(sourceRows.size()),
                                      i32(tableCount),
                                      i32(model.getRank()),
                                      i32(model.getRanks()),
                                      emitStructs(prefix + "groups", groups),
                                      i32(groups.size()),
                                      i32(model.getTokenGroup()),
                                      gpu});
    return success();
  }

  /// const plait_model_v4_t *plait_model_query(uint32_t max_version, int32_t rank)
  void emitQuery(ArrayRef<rt::ModelOp> models) {
    Type i32 = b.getI32Type();
    auto type = LLVM::LLVMFunctionType::get(pointerType(), {i32, i32});
    auto query = LLVM::LLVMFuncOp::create(b, loc, PLAIT_MODEL_QUERY_SYMBOL, type);
    OpBuilder::InsertionGuard guard(b);
    Block *entry = b.createBlock(&query.getBody(), {}, {i32, i32}, {loc, loc});
    Value newest = entry->getArgument(0), rank = entry->getArgument(1);
    Value mine = LLVM::ConstantOp::create(b, loc, b.getI32IntegerAttr(PLAIT_ABI_VERSION));
    Value known = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::uge, newest, mine);
    Value null = LLVM::ZeroOp::create(b, loc, pointerType()), tables = null;
    for (rt::ModelOp model : models) {
      Value own = LLVM::ConstantOp::create(b, loc, b.getI32IntegerAttr(model.getNumber()));
      Value asked = LLVM::ICmpOp::create(b, loc, LLVM::ICmpPredicate::eq, rank, own);
      Value address = LLVM::AddressOfOp::create(b, loc, pointerType(), getPrefix(model, models.front()) + "model");
      tables = LLVM::SelectOp::create(b, loc, asked, address, tables);
    }
    LLVM::ReturnOp::create(b, loc, LLVM::SelectOp::create(b, loc, known, tables, null).getResult());
  }

  OpBuilder b{static_cast<MLIRContext *>(nullptr)};
  LocationAttr loc;
  std::map<std::string, std::string> strings; ///< text to the global that holds it
  std::string prefix;                         ///< of the names of a model's tables
  StringRef name;                             ///< of the model, whatever the rank
  std::vector<std::string> sources;
  DenseMap<Attribute, int64_t> kernelIndex;
  DenseMap<Attribute, LLVM::GlobalOp> images; ///< by the kernel's function
};
} // namespace
