//===- ParEpilogueOps.td - Collectives that compute --------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PAR_EPILOGUE_OPS
#define PLAIT_PAR_EPILOGUE_OPS

def Par_ReduceGatherOp : Par_CollectiveOp<"reduce_gather"> {
  let summary = "a sum, what is computed of it row by row, and that of all devices put together";
  let description = [{
    `par.reduce_scatter` of rows, ops on the device's own rows, and `par.all_gather` of what
    they make, as one: rows are computed on their way. The region takes the sum and `rows`,
    of which each device has its part, and yields what is gathered, which is the first result,
    and what each device keeps of its own rows.

    ```mlir
    %n, %s = par.reduce_gather %p with (%x) {"tp" : even} on @mesh : (tensor<?x192xf32, #lm.dims<tokens>>, tensor<?x192xf32, #lm.dims<tokens_part>>) -> (tensor<?x192xf32, #lm.dims<tokens>>, tensor<?x192xf32, #lm.dims<tokens_part>>) {
    ^bb0(%sum: tensor<?x192xf32, #lm.dims<tokens_part>>, %row: tensor<?x192xf32, #lm.dims<tokens_part>>):
      %0 = lm.add %row, %sum : tensor<?x192xf32, #lm.dims<tokens_part>>
      %1 = lm.rms_norm %0, %g eps 1.0e-05 : tensor<?x192xf32, #lm.dims<tokens_part>>, !lm.weight<192, #lm.f32>
      par.yield %1, %0 : tensor<?x192xf32, #lm.dims<tokens_part>>, tensor<?x192xf32, #lm.dims<tokens_part>>
    }
    ```
    The sum is that of `par.reduce_scatter`, with the same nodes, `order`, `accumulate` and `wire`, so
    results have the same bits as those of the three ops: what is gathered is sent as it is. `algorithms` are those of
    `par.all_reduce`. With `one_shot` and `lamport` each device has all rows and computes all, as in steps of fewer tokens
    than are shared out (`share_tokens` of `decode.step`); with the others its part. So a launch plan has neither of the
    two where tokens are shared out (`rt.collective`).

    **Constraints:** those of `par.reduce_scatter` of rows that are shared out evenly; what is
    gathered has as many columns as the sum. Ops of the region are `RowWise`, on tensors that
    are the device's part of the rows, and no collectives; of what is outside they take
    weights alone.
  }];
  let arguments = !con((ins RankedTensorOf<[F32]>:$input, Variadic<RankedTensorOf<[F32]>>:$rows,
                        Par_DimShardAttr:$parts, FlatSymbolRefAttr:$mesh), nodeArguments, sumArguments, algorithmArguments);
  let results = (outs RankedTensorOf<[F32]>:$result, Variadic<RankedTensorOf<[F32]>>:$kept);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $input (`with` `(` $rows^ `)`)? $parts `on` $mesh (`nodes` $node_ends^ `of` $node_bounds)? (`order` $order^)?
    (`accumulate` $accumulate^)? (`wire` $wire^)? (`algorithms` $algorithms^)? attr-dict `:`
    functional-type(operands, results) $body
  }];
  let hasRegionVerifier = 1;
  let extraClassDeclaration = !strconcat(sumDeclaration, [{
    mlir::RankedTensorType getWholeType() { return getResult().getType(); }
    DimShardAttr getPartition() { return getParts(); }
    int64_t getPartDim() { return 0; }
    llvm::SmallVector<AxisAttr> getDeviceAxes() { return llvm::to_vector(getParts().getAxes()); }
    /// The type of the device's part of the sum.
    mlir::RankedTensorType getSumType();
  }]);
}

def Par_YieldOp : Par_Op<"yield", [Pure, Terminator, HasParent<"ReduceGatherOp">]> {
  let summary = "what is gathered, and what is kept";
  let arguments = (ins Variadic<RankedTensorOf<[F32]>>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

#endif // PLAIT_PAR_EPILOGUE_OPS
