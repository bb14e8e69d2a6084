//===- ShardingClasses.h - Dimensions that are split together ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PARALLEL_SHARDINGCLASSES_H
#define PLAIT_PASSES_PARALLEL_SHARDINGCLASSES_H

#include "dialects/Decode/Decode.h"

#include <string>

namespace plait {

/// A dimension of a value. All uses of a weight's symbol are one value.
struct ValueDim {
  Value value;
  unsigned dim;
};

/// Dimensions through which a factor of some op runs, and of the next op, and so on.
struct ShardingClass {
  SmallVector<ValueDim> members;
  int64_t extent = 0; ///< of the longest member; parts are ranges of its elements
  /// Why the class cannot be split, or "".
  std::string obstacle;
  int64_t weightBytes = 0; ///< of weights among the members, all layers

  /// Parts for `count` devices, as near to equal size as granules allow, or to the ratios of
  /// `shares`: bounds of `count` ranges. None if there are too few units.
  std::optional<SmallVector<int64_t>> split(int64_t count, ArrayRef<double> shares = {}) const;
  /// Whether each of the parts can be computed: it uses each key/value head that it needs
  /// for equally many query heads.
  bool isUniform(ArrayRef<int64_t> bounds) const;
  /// The part of a member that goes with [begin, end) of the longest one.
  std::pair<int64_t, int64_t> partOf(int64_t memberExtent, int64_t begin, int64_t end) const;

  int64_t granule = 1; ///< of the members of full extent
  /// Elements of the longest member that share a granule of a shorter one: query heads
  /// that share a key/value head. 0: there are none.
  int64_t sharing = 0;
};

/// The classes of all steps of a module.
class ShardingClasses {
public:
  explicit ShardingClasses(ModuleOp module);

  /// In order of the first member.
  std::vector<ShardingClass> classes;

  /// The number of a dimension's class, or none if no factor runs through it.
  std::optional<unsigned> lookup(Value value, unsigned dim) const;
  /// The value that stands for `value`.
  Value canonical(Value value) const;

private:
  struct Node {
    ValueDim dim;
    int64_t extent;
    int64_t granule = 1;
    unsigned parent;
    std::string obstacle;
  };
  void visit(Operation *op);
  void visitRule(Operation *op, const ShardingRule &rule);
  unsigned getNode(Value value, unsigned dim);
  unsigned find(unsigned node) const;
  void unite(Value a, Value b);
  void unite(unsigned a, unsigned b);
  void requireWhole(Value value, unsigned dim, Operation *op);
  void collect();

  std::vector<Node> nodes;
  DenseMap<std::pair<Value, unsigned>, unsigned> numbers;
  DenseMap<unsigned, unsigned> classOfRoot;
  DenseMap<Attribute, Value> weights;
};

} // namespace plait

#endif // PLAIT_PASSES_PARALLEL_SHARDINGCLASSES_H
