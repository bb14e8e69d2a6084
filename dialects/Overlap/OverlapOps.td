//===- OverlapOps.td - Ops of the overlap dialect ----------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_OVERLAP_OPS
#define PLAIT_OVERLAP_OPS

include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Lm/LmInterfaces.td"
include "dialects/Overlap/OverlapDialect.td"

class Overlap_Op<string mnemonic, list<Trait> traits = []> : Op<Overlap_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

def Overlap_ProgramOp : Overlap_Op<"program", [FunctionOpInterface, IsolatedFromAbove, AffineScope,
    AutomaticAllocationScope, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "what every rank along an axis runs, epoch by epoch";
  let description = [{
    ```mlir
    overlap.program @all_reduce(%x: tensor<4x8xf32>) -> tensor<4x8xf32> on @mesh["tp"] implements @reference {
      %y = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2>
      ...
      overlap.return %z : tensor<4x8xf32>
    }
    ```
    Ranks run it each at its own pace. On a rank its ops take effect in order: a region begins
    when what is before it has ended, stores included, and an epoch when the one before it has
    ended. Arguments are a rank's own; those that `replicated` names are the same on all ranks.

    `implements` names a function of the same type that says what is computed, with collectives
    of `par`: `plait-check-overlap` compares the results.

    Control flow is that of `scf.if` and `scf.for`. A condition follows from constants, the
    rank and indices, or it is *uniform*: computed of constants and replicated arguments alone.
    Ranks that choose differently what they run wait for each other in vain.

    **Constraints:** an axis of the mesh; arguments are tensors, weights or integers, and
    results tensors; no body, or one block that ends with `overlap.return`; replicated arguments are arguments, each once; the function that it
    implements has its type; what is published, polled or cleared is accessed by no other ops.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       FlatSymbolRefAttr:$mesh, AnyAttr:$axis, OptionalAttr<FlatSymbolRefAttr>:$implements,
                       OptionalAttr<DenseI64ArrayAttr>:$replicated, OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region AnyRegion:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    llvm::ArrayRef<mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    llvm::ArrayRef<mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    mlir::Region *getCallableRegion() { return &getBody(); }
    par::AxisAttr getDeviceAxis() { return llvm::cast<par::AxisAttr>(getAxis()); }
    bool isReplicated(int64_t argument) {
      return getReplicated() && llvm::is_contained(*getReplicated(), argument);
    }
    /// The number of ranks along the axis.
    int64_t countRanks();
  }];
}

def Overlap_ReturnOp : Overlap_Op<"return", [Terminator, HasParent<"ProgramOp">]> {
  let summary = "ends an epoch of a program";
  let description = "**Constraints:** values of the program's result types.";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let hasVerifier = 1;
}

def Overlap_RankOp : Overlap_Op<"rank", [Pure]> {
  let summary = "the number of this rank along the program's axis";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

def Overlap_NumRanksOp : Overlap_Op<"num_ranks", [Pure]> {
  let summary = "the number of ranks along the program's axis";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Who runs what, and in which order
//===----------------------------------------------------------------------===//

def Overlap_RegionOp : Overlap_Op<"region", [SingleBlock, NoTerminator, RecursiveMemoryEffects]> {
  let summary = "tiles and triggers that run at the same time";
  let description = [{
    What may become one kernel: all `overlap.tiles` and `overlap.trigger` in it run side by
    side, each on its pool, and it ends when they have ended. They wait for each other, so
    their pools are there at the same time: together they are within that of the region.

    ```mlir
    overlap.region pool(<sms = 132>) {
      overlap.tiles (%i, %j) in [4, 8] pool(<sms = 124>) { ... }
      overlap.trigger %c (%i) token %t pool(<sms = 8>) : !overlap.counter<[4], sys> { ... }
    }
    ```
    **Constraints:** only `overlap.tiles`, `overlap.trigger`, and ops without side effects
    inside; of the pools inside those of its resource have together no more than its own.
  }];
  let arguments = (ins Overlap_PoolAttr:$pool);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "`pool` `(` $pool `)` $body attr-dict";
  let hasRegionVerifier = 1;
}

def Overlap_TilesOp : Overlap_Op<"tiles", [SingleBlock, NoTerminator, RecursiveMemoryEffects,
    HasParent<"RegionOp">]> {
  let summary = "a body for each tile, in an order";
  let description = [{
    Places are gone through with the last one varying fastest; `order` says which tile is at a
    place on a rank, if that is another one: `(place)[rank] -> (tile)`. Of a pool of w workers,
    worker k runs the tiles at places k, k + w, k + 2w, ..., one after the other.

    ```mlir
    overlap.tiles (%i, %j) in [2, 4] order affine_map<(i, j)[r] -> ((i + r) mod 2, j)> pool(<sms = 4>) {
      ...
    }
    ```
    A tile that waits keeps its worker. So a tile must not wait for one behind it on the same
    worker: `plait-verify-overlap` runs all orders against each other.

    **Constraints:** positive extents, one at least, whose product is at most 65536; an index
    for each; on every rank the order names each tile once.
  }];
  let arguments = (ins DenseI64ArrayAttr:$extents, OptionalAttr<AffineMapAttr>:$order, Overlap_PoolAttr:$pool);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t countTiles();
    /// The tile at place `place` on `rank`.
    llvm::SmallVector<int64_t> getTile(int64_t place, int64_t rank);
  }];
}

def Overlap_TriggerOp : Overlap_Op<"trigger", [SingleBlock, NoTerminator, RecursiveMemoryEffects,
    HasParent<"RegionOp">]> {
  let summary = "a body for each index of a counter, once it is complete";
  let description = [{
    The body runs once per epoch for each index of this rank's counters (those that it owns, if
    they have owners), in whichever order they become complete, on whichever worker of the pool
    is free; its token is that of the wait.

    ```mlir
    overlap.trigger %c (%i) token %t pool(<sms = 8>) : !overlap.counter<[4], sys> {
      %v = overlap.load %own[%i, %z] after %t : !overlap.view<4x8xf32, own> -> tensor<1x8xf32>
      ...
    }
    ```
    It holds no worker while it waits, so that no number of workers is too small. This holds if
    the body does not wait itself.

    **Constraints:** an index for each of the counter's; neither `overlap.wait` nor `overlap.poll` inside.
  }];
  let arguments = (ins Overlap_CounterType:$counter, Overlap_PoolAttr:$pool);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

include "dialects/Overlap/OverlapMemoryOps.td"
include "dialects/Overlap/OverlapPollOps.td"
include "dialects/Overlap/OverlapTrackingOps.td"
include "dialects/Overlap/OverlapTokenOps.td"

#endif // PLAIT_OVERLAP_OPS
