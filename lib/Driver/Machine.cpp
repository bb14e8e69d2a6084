//===- Machine.cpp - The machine that a model is compiled for -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include "plait/Support/IrInput.h"

#include "mlir/IR/SymbolTable.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace plait;

Status plait::addMachine(ModuleOp module, const std::string &path, const Mesh &mesh) {
  if (!module.getOps<par::MachineOp>().empty())
    return invalidArgument("--machine: found it with IR that has a par.machine; expected one of them");
  MLIRContext *context = module.getContext();
  auto buffer = openIr(path, context->getDialectRegistry());
  if (!buffer)
    return invalidArgument("--machine: " + llvm::toString(buffer.takeError()));
  OwningOpRef<ModuleOp> file;
  {
    llvm::SourceMgr sources;
    sources.AddNewSourceBuffer(std::move(*buffer), llvm::SMLoc());
    SourceMgrDiagnosticHandler handler(sources, context);
    file = parseSourceFile<ModuleOp>(sources, context);
  }
  if (!file)
    return invalidArgument("--machine: " + path + ": is not valid IR; see the messages above");
  auto machines = llvm::to_vector(file->getOps<par::MachineOp>());
  if (machines.size() != 1)
    return invalidArgument("--machine: " + path + ": found " + std::to_string(machines.size()) +
                           " par.machine; expected one");
  par::MachineOp machine = machines.front();
  if (machine.getNumDevices() < mesh.size())
    return invalidArgument("--machine: " + path + ": found " + std::to_string(machine.getNumDevices()) +
                           (machine.getNumDevices() == 1 ? " device" : " devices") + "; expected at least " +
                           std::to_string(mesh.size()) + ", one for each rank of " + meshText(mesh));
  machine->remove();
  SymbolTable(module).insert(machine, module.getBody()->begin());
  return Status::success();
}
