//===- ShardingPlan.h - What is split along which axes ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_SHARDINGPLAN_H
#define PLAIT_PASSES_PARALLEL_SHARDINGPLAN_H

#include "passes/Parallel/ShardingClasses.h"

#include "dialects/Par/Par.h"

#include "mlir/IR/IRMapping.h"

namespace plait {

/// How devices share out a class. Without axes it is whole on each of them.
struct ClassShards {
  SmallVector<par::AxisAttr> axes;
  SmallVector<int64_t> bounds;

  bool isSplit() const { return !axes.empty(); }
  bool operator==(const ClassShards &) const = default;
};

/// What the constraints of the input say of a class.
struct ClassWish {
  bool isWished = false; ///< it is split as the plan says, or whole
  bool isOpen = false;   ///< along further axes, too, if wanted
  int64_t priority = 0;
  std::optional<Location> loc;
};

/// How each class of a module's steps is split over a mesh.
class ShardingPlan {
public:
  ShardingPlan(ModuleOp module, const ShardingClasses &classes, par::MeshOp mesh);

  const ShardingClasses &getClasses() const { return classes; }
  par::MeshOp getMesh() const { return mesh; }

  std::vector<ClassShards> shards; ///< of each class
  std::vector<ClassWish> wishes;   ///< of each class

  /// Parts of class `number` for the devices along `axes`, or none if it has too few units.
  /// They are of equal size, or in the ratios of the devices' memory if these are described.
  std::optional<ClassShards> split(unsigned number, ArrayRef<par::AxisAttr> axes) const;

  /// The parts of `shards`, each shared out to the devices along further `axes` as equally as
  /// granules allow, or none if it has too few units.
  std::optional<ClassShards> refine(unsigned number, const ClassShards &shards, ArrayRef<par::AxisAttr> axes) const;

  /// Another class of which some op with `number` has a factor, and that is split along an
  /// axis that `axes` overlap.
  std::optional<unsigned> findConflict(unsigned number, ArrayRef<par::AxisAttr> axes) const;

  /// Lets the users of every value that is not whole everywhere use it through a
  /// `par.constraint`, in the module or in a clone of it that `mapping` leads to.
  void apply(const IRMapping &mapping = {}) const;

private:
  SmallVector<par::AxisAttr> getUnreduced(Value value,
                                          const DenseMap<Value, SmallVector<par::AxisAttr>> &unreduced) const;

  mutable ModuleOp module; // of ops, which are handles, nothing is const
  const ShardingClasses &classes;
  mutable par::MeshOp mesh;
  SmallVector<double> memory;                  ///< of each rank's device; empty: equal
  DenseSet<std::pair<unsigned, unsigned>> met; ///< classes of different factors of an op
};

/// What a `par.constraint` of the input asks for.
struct ShardWish {
  Value value;
  par::ShardAttr shard;
  Location loc;
};

/// Takes the constraints out of the IR.
SmallVector<ShardWish> takeConstraints(ModuleOp module);

/// Lets the plan do what is wished. Of two wishes that contradict each other the less urgent
/// one is dropped; it is an error if they are equally urgent.
LogicalResult grantWishes(ArrayRef<ShardWish> wishes, ShardingPlan &plan);

/// For remarks: `"a", "b":(1)2`; sizes of parts, each after a space; names of a class's weights.
std::string getAxesText(ArrayRef<par::AxisAttr> axes);
std::string getSizesText(ArrayRef<int64_t> bounds);
std::string getWeightNames(const ShardingClass &entry);
/// Where the first of these weights is used, or `otherwise`.
Location getWeightLoc(const ShardingClass &entry, Location otherwise);

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_SHARDINGPLAN_H
