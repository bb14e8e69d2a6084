//===- OverlapDialect.td - The overlap dialect -------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_OVERLAP_DIALECT
#define PLAIT_OVERLAP_DIALECT

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def Overlap_Dialect : Dialect {
  let name = "overlap";
  let cppNamespace = "::plait::overlap";
  let summary = "Who may run when: computation and communication in tiles.";
  let description = [{
    A program (`overlap.program`) is what every rank along an axis of a mesh runs, over and
    over: each run is an *epoch*. It says four things apart from each other.

    * Where: a symmetric buffer is in the memory of every rank; a view of it is the window of
      one of them, or of all (`overlap.alloc`, `overlap.view`, `overlap.put`, ...).
    * When: a counter tells how much of a tile is there. `overlap.arrive` counts, and
      `overlap.wait` waits until as many have arrived as are expected (`overlap.track`). What
      comes of a wait is a token, which whoever reads what others have written must hold.
    * What happens: `overlap.tiles` runs its body for each tile, `overlap.trigger` for each index
      of a counter that has become complete.
    * Who, and in which order: the pool of each of these, and the order of tiles.

    There is no op for a pattern such as a product with an all-reduce: patterns are programs of
    these ops. Tiles are computed by ops of `lm`; collectives of whole tensors are `par`'s.

    Memory is that of the PTX model, of which C++'s is a special case. Within a tile, ops on
    different places may take effect in any order, except: what a release arrives after has
    taken effect before; a load with a token takes effect after the wait; a store takes effect
    after every wait before it and after what it stores was loaded; accesses of one place stay
    in order. `plait-verify-overlap` proves programs correct by these rules, and
    `plait-check-overlap` runs them.
  }];
  let dependentDialects = ["::plait::lm::LmDialect", "::plait::par::ParDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

class Overlap_Enum<string name, string summary, list<string> names>
    : I32EnumAttr<name, summary, !foreach(i, !range(!size(names)), I32EnumAttrCase<names[i], i>)> {
  let cppNamespace = "::plait::overlap";
  let genSpecializedAttr = 0;
}
class Overlap_EnumAttr<Overlap_Enum info, string mnemonic> : EnumAttr<Overlap_Dialect, info, mnemonic>;

def Overlap_Window : Overlap_Enum<"Window", "whose memory", ["own", "peer", "multicast"]> {
  let description = "The rank's own, that of one rank, or that of all ranks at once.";
}
def Overlap_WindowAttr : Overlap_EnumAttr<Overlap_Window, "window">;

def Overlap_Scope : Overlap_Enum<"Scope", "among whom a counter orders", ["gpu", "sys"]> {
  let description = "Threads of one device, or of all.";
}
def Overlap_ScopeAttr : Overlap_EnumAttr<Overlap_Scope, "scope">;

def Overlap_Engine : Overlap_Enum<"Engine", "what carries a store", ["st", "tma", "copy"]> {
  let description = [{
    Stores of threads; bulk copies of the tensor memory accelerator (`cp.async.bulk`); a copy
    engine of the device. The last two go on by themselves: `overlap.quiet` waits for them.
  }];
}
def Overlap_EngineAttr : Overlap_EnumAttr<Overlap_Engine, "engine">;

def Overlap_Completion : Overlap_Enum<"Completion", "what has become of a store", ["read", "written"]> {
  let description = [{
    Its source has been read (`wait_group.read` of PTX): it may be written over, and nothing is
    said of the target. Or the target is written, too.
  }];
}
def Overlap_CompletionAttr : Overlap_EnumAttr<Overlap_Completion, "completion">;

def Overlap_Resource : Overlap_Enum<"Resource", "what a pool has a number of",
                                    ["sms", "warps", "threads", "copy_engines"]>;

def Overlap_PoolAttr : AttrDef<Overlap_Dialect, "Pool"> {
  let mnemonic = "pool";
  let summary = "workers, and what they are";
  let description = [{
    ```mlir
    #overlap.pool<sms = 8>
    #overlap.pool<threads = 2>
    ```
    **Constraints:** 1 to 65536 of them.
  }];
  let parameters = (ins EnumParameter<Overlap_Resource>:$resource, "int64_t":$count);
  let assemblyFormat = "`<` $resource `=` $count `>`";
  let genVerifyDecl = 1;
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Overlap_Type<string name, string typeMnemonic> : TypeDef<Overlap_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Overlap_BufferType : Overlap_Type<"Buffer", "buffer"> {
  let summary = "memory that every rank along an axis has";
  let description = [{
    `slots` copies of a tensor in the memory of each rank along the axis. In epoch e all ops but `overlap.clear` are
    on copy e mod `slots`. (Lowerings have 4 for 3: numbers of epochs wrap around at 2^32, and slots have to divide it.) It
    may be written by others at any time: nothing may be assumed
    about its contents that a token does not say, such as that it is not aliased or constant.

    ```mlir
    !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2>
    ```
    **Constraints:** known positive extents, one at least; elements are floating point; 1 to 64
    slots. Where it is used: the axis is that of the program.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        "::mlir::FlatSymbolRefAttr":$mesh, "::plait::par::AxisAttr":$axis, "int64_t":$slots);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Overlap_ViewType : Overlap_Type<"View", "view"> {
  let summary = "a window of a symmetric buffer";
  let description = [{
    Of the rank itself, of a peer, or of all ranks (`multicast`).

    ```mlir
    !overlap.view<4x8xf32, own>
    ```
    **Constraints:** known positive extents, one at least; elements are floating point.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType,
                        EnumParameter<Overlap_Window>:$window);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Overlap_CounterType : Overlap_Type<"Counter", "counter"> {
  let summary = "counters of arrivals, one for each index";
  let description = [{
    Each rank has its own. They only grow: in epoch e an index is complete when (e + 1) times
    as many have arrived as are expected in one epoch. With scope `gpu` only ranks themselves
    arrive at theirs; with `sys` others do, too.

    ```mlir
    !overlap.counter<[4, 2], sys>
    ```
    **Constraints:** positive extents, one at least, whose product is at most 65536.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$extents, EnumParameter<Overlap_Scope>:$scope);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Overlap_TokenType : Overlap_Type<"Token", "token"> {
  let summary = "evidence of a wait";
  let description = [{
    What has arrived at the counter is there for whoever holds it. It is kept until code is
    made: a load that needs it is no load of constant memory, and does not move before the wait.
  }];
}

#endif // PLAIT_OVERLAP_DIALECT
