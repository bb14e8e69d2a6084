//===- ParMachine.td - What devices and links can do -------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PAR_MACHINE
#define PLAIT_PAR_MACHINE

include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "dialects/Par/ParDialect.td"

/// A real number, with its unit in the name of the parameter or in the description.
def Par_Number : AttrOrTypeParameter<"::mlir::FloatAttr", "number"> {
  let parser = "::plait::lm::parseNumber($_parser)";
  let printer = "$_printer.printFloat($_self.getValue())";
}

/// {f32 = 1.0e11, bf16 = 2.0e11}
def Par_Peaks : AttrOrTypeParameter<"::mlir::DictionaryAttr", "numbers by element type"> {
  let parser = "::plait::par::parsePeaks($_parser)";
  let printer = "::plait::par::printPeaks($_printer, $_self)";
}

/// [0, 1]
def Par_Members : AttrOrTypeParameter<"::mlir::DenseI64ArrayAttr", "numbers of devices"> {
  let parser = "::plait::par::parseMembers($_parser)";
  let printer = "$_self.print($_printer)";
}

/// true or false
def Par_Flag : AttrOrTypeParameter<"bool", "true or false"> {
  let parser = "::plait::par::parseFlag($_parser)";
  let printer = "$_printer << ($_self ? \"true\" : \"false\")";
  let defaultValue = "false";
}

def Par_LinkKind : I32EnumAttr<"LinkKind", "what carries data between devices", [
    I32EnumAttrCase<"shared_memory", 0>,
    I32EnumAttrCase<"crossbar", 1, "switch">,
    I32EnumAttrCase<"pcie", 2>,
    I32EnumAttrCase<"network", 3>]> {
  let genSpecializedAttr = 0;
  let cppNamespace = "::plait::par";
}

def Par_DeviceAttr : Par_Attr<"Device", "device"> {
  let summary = "what a device can hold and compute";
  let description = [{
    `memory` is in bytes, `bandwidth` that of this memory in bytes per second, `peak` in
    floating-point operations per second (a multiply-add is two) for elements of a type,
    `launch` what starting a kernel takes, in seconds. Elements of a type that `peak` does
    not have are computed at the peak of f32.

    Within `par.machine` it is written without its name:

    ```mlir
    <kind = "cpu", memory = 17179869184, bandwidth = 2.0e10, peak = {f32 = 1.0e11}, launch = 1.0e-6>
    ```
    **Constraints:** all numbers are positive and finite, but `launch`, which may be 0; `peak`
    has f32.
  }];
  let parameters = (ins StringRefParameter<"of device">:$kind, "int64_t":$memory, Par_Number:$bandwidth,
                        Par_Peaks:$peak, Par_Number:$launch);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Operations per second on elements of `type` ("bf16").
    double getPeakOf(llvm::StringRef type) const;
  }];
}

def Par_LinkAttr : Par_Attr<"Link", "link"> {
  let summary = "what joins some devices";
  let description = [{
    Each of `members` can send `bandwidth` bytes per second and receive as many at the same
    time; a message takes `latency` seconds to arrive besides. `kind` says how the runtime
    exchanges: by `shared_memory`, or in messages through a `switch`, over `pcie` or a
    `network`. A `multicast` link carries one message to all members at once.

    ```mlir
    <members = [0, 1], kind = shared_memory, bandwidth = 1.0e10, latency = 1.0e-6>
    ```
    **Constraints:** at least two members, all different; `bandwidth` is positive, `latency`
    is not negative, both are finite.
  }];
  let parameters = (ins Par_Members:$members, EnumParameter<Par_LinkKind>:$kind, Par_Number:$bandwidth,
                        Par_Number:$latency, Par_Flag:$multicast);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Par_HostAttr : Par_Attr<"Host", "host"> {
  let summary = "what a step takes besides its kernels";
  let description = [{
    `step` seconds for each step and `sequence` for each sequence in it: scheduling, packing
    of inputs, handing out of tokens.

    ```mlir
    <step = 5.0e-5, sequence = 1.0e-5>
    ```
    **Constraints:** neither is negative; both are finite.
  }];
  let parameters = (ins Par_Number:$step, Par_Number:$sequence);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Par_MachineOp : Op<Par_Dialect, "machine", [Symbol]> {
  let summary = "devices, and what joins them";
  let description = [{
    What costs are predicted from. Devices are numbered in the order in which they are
    written; those of a `par.mesh` may be all of them or some. `calibration` tells where the
    numbers come from; no pass reads it.

    ```mlir
    par.machine @two devices [
      <kind = "cpu", memory = 17179869184, bandwidth = 2.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-6>,
      <kind = "cpu", memory = 17179869184, bandwidth = 2.0e10, peak = {bf16 = 1.0e11, f32 = 1.0e11}, launch = 1.0e-6>
    ] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e10, latency = 1.0e-6>]
      host <step = 5.0e-5, sequence = 1.0e-5> calibration "plait bench, 2 cores, 2026-01-05"
    ```
    **Constraints:** at least one device; members of links are numbers of devices.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypedArrayAttrBase<Par_DeviceAttr, "devices">:$devices,
                       TypedArrayAttrBase<Par_LinkAttr, "links">:$links, Par_HostAttr:$host,
                       OptionalAttr<StrAttr>:$calibration);
  let assemblyFormat = [{
    $sym_name `devices` custom<Devices>($devices) `links` custom<Links>($links) `host` $host
    (`calibration` $calibration^)? attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    int64_t getNumDevices() { return getDevices().size(); }
    DeviceAttr getDevice(int64_t number) { return llvm::cast<DeviceAttr>(getDevices()[number]); }
    /// Of the links that join all of `devices` the fastest, or null.
    LinkAttr findLink(llvm::ArrayRef<int64_t> devices);
  }];
}

#endif // PLAIT_PAR_MACHINE
