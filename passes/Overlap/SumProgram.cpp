//===- SumProgram.cpp - What programs of a fused sum share ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/SumProgram.h"

using namespace plait;
using overlap::Window;

overlap::ProgramOp SumProgram::write(par::SumAlgorithm algorithm) {
  // What the runtime does has no name of its own.
  bool isUsual = algorithm == par::SumAlgorithm::two_shot;
  std::string suffix = isUsual ? "" : "_" + par::stringifySumAlgorithm(algorithm).str();
  std::string name = makeSymbol(module, site.getName() + suffix);
  makeReference(b, site, name);
  return ProgramWriter::write(name, site.getFunctionType(), site.getReplicated());
}

SmallVector<Value> SumProgram::writeBody() {
  if (!site.isWhole)
    firstOwn = mul(rank, site.rowsOfRank);
  gathered = alloc(site.getRows());
  for (size_t i = 0; i < site.op.getKept().size(); ++i)
    keptViews.push_back(view(alloc(site.rowsOfRank), Window::own));
  writeSum();
  SmallVector<Value> results{load(view(gathered, Window::own), zero, site.getRows())};
  for (Value own : keptViews)
    results.push_back(load(own, zero, site.rowsOfRank));
  return results;
}

Value SumProgram::compute(Value sum, Value row) {
  Value ownRow = firstOwn ? sub(row, firstOwn) : row;
  SmallVector<Value> rows, weights(arguments.drop_front(site.getNumInputs() + site.getNumRows()));
  for (Value argument : arguments.slice(site.getNumInputs(), site.getNumRows()))
    rows.push_back(sliceRows(argument, ownRow));
  SmallVector<Value> yielded = site.cloneBody(b, options.tileRows, sum, rows, weights);
  for (auto [value, keep] : llvm::zip_equal(ArrayRef(yielded).drop_front(), keptViews))
    put(value, keep, ownRow);
  return yielded[0];
}
