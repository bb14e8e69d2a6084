//===- ParMesh.cpp - Devices numbered by axes -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Par/Par.h"

using namespace plait;
using namespace plait::par;

LogicalResult MeshOp::verify() {
  if (getAxes().empty() || getAxes().size() != getSizes().size())
    return emitOpError("expected as many sizes as axes, at least one, but got ")
           << getAxes().size() << " axes and " << getSizes().size() << " sizes";
  DenseSet<Attribute> names;
  int64_t ranks = 1;
  for (auto [axis, size] : llvm::zip_equal(getAxes(), getSizes())) {
    if (!names.insert(axis).second)
      return emitOpError("expected axes of different names but got ") << axis << " again";
    if (size <= 0 || size > (int64_t(1) << 16) || (ranks *= size) > (int64_t(1) << 16))
      return emitOpError("expected positive sizes whose product is at most 2^16 but got ") << getSizes();
  }
  if (getRank() && (int64_t(*getRank()) < 0 || int64_t(*getRank()) >= ranks))
    return emitOpError("expected a rank below ") << ranks << " but got " << int64_t(*getRank());
  if (!getDevices())
    return success();
  if (!getMachine())
    return emitOpError("expected devices of a machine, which 'on' names");
  if (int64_t(getDevices()->size()) != ranks)
    return emitOpError("expected a device for each of ") << ranks << " ranks but got " << getDevices()->size();
  DenseSet<int64_t> seen;
  ArrayRef<int64_t> devices = *getDevices();
  for (int64_t device : devices)
    if (!seen.insert(device).second)
      return emitOpError("expected each device once but got ") << device << " again";
  return success();
}

int64_t MeshOp::getSize(StringRef axis) {
  for (auto [name, size] : llvm::zip_equal(getAxes(), getSizes()))
    if (cast<StringAttr>(name).getValue() == axis)
      return size;
  return 0;
}

LogicalResult MeshOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getMachine())
    return success();
  auto machine = symbols.lookupNearestSymbolFrom<MachineOp>(*this, getMachineAttr());
  if (!machine)
    return emitOpError("expected the symbol of a 'par.machine' but got ") << getMachineAttr();
  int64_t ranks = getNumRanks(), devices = machine.getNumDevices();
  for (int64_t rank = 0; rank < ranks; ++rank)
    if (getDevice(rank) < 0 || getDevice(rank) >= devices)
      return emitOpError("expected devices from 0 to ")
             << devices - 1 << " of machine " << machine.getSymName() << " but got " << getDevice(rank);
  for (int64_t a = 0; a < ranks; ++a)
    for (int64_t b = 0; b < a; ++b)
      if (!machine.findLink({getDevice(a), getDevice(b)}))
        return emitOpError("expected a link of machine ")
               << machine.getSymName() << " that joins devices " << getDevice(b) << " and " << getDevice(a);
  return success();
}

int64_t MeshOp::getSize(AxisAttr axis) {
  int64_t size = getSize(axis.getAxis().getValue());
  if (axis.isWhole())
    return size;
  bool isFactor =
      axis.getSize() < size && size % axis.getBefore() == 0 && size / axis.getBefore() % axis.getSize() == 0;
  return isFactor ? axis.getSize() : 0;
}

int64_t MeshOp::getSize(ArrayRef<AxisAttr> axes) {
  int64_t size = 1;
  for (AxisAttr axis : axes)
    size *= getSize(axis);
  return size;
}

int64_t MeshOp::getNumRanks() {
  int64_t ranks = 1;
  for (int64_t size : getSizes())
    ranks *= size;
  return ranks;
}

int64_t MeshOp::getIndex(int64_t rank, ArrayRef<AxisAttr> axes) {
  DenseMap<Attribute, int64_t> coordinates;
  for (auto [name, size] : llvm::reverse(llvm::zip_equal(getAxes(), getSizes()))) {
    coordinates[name] = rank % size;
    rank /= size;
  }
  int64_t index = 0;
  for (AxisAttr axis : axes) {
    int64_t coordinate = coordinates.lookup(axis.getAxis()), size = getSize(axis);
    if (!axis.isWhole()) // the middle one of [before, size, rest]
      coordinate = coordinate / (getSize(axis.getAxis().getValue()) / (axis.getBefore() * size)) % size;
    index = index * size + coordinate;
  }
  return index;
}

SmallVector<int64_t> MeshOp::getGroup(int64_t rank, ArrayRef<AxisAttr> axes) {
  // How far apart the ranks are whose number along an axis differs by one.
  SmallVector<int64_t> strides;
  for (AxisAttr axis : axes) {
    int64_t stride = 1;
    for (auto [name, size] : llvm::reverse(llvm::zip_equal(getAxes(), getSizes()))) {
      if (name == axis.getAxis())
        break;
      stride *= size;
    }
    if (!axis.isWhole())
      stride *= getSize(axis.getAxis().getValue()) / (axis.getBefore() * axis.getSize());
    strides.push_back(stride);
    rank -= getIndex(rank, axis) * stride;
  }
  SmallVector<int64_t> group = {rank};
  for (auto [axis, stride] : llvm::zip_equal(axes, strides)) {
    SmallVector<int64_t> longer;
    for (int64_t member : group)
      for (int64_t i = 0; i < getSize(axis); ++i)
        longer.push_back(member + i * stride);
    group = longer;
  }
  return group;
}

SmallVector<AxisAttr> MeshOp::getModelAxes() {
  SmallVector<AxisAttr> axes;
  for (auto axis : getAxes().getAsRange<StringAttr>())
    if (axis.getValue() != kReplicaAxis)
      axes.push_back(AxisAttr::get(axis));
  return axes;
}

std::pair<int64_t, int64_t> par::getPlaceInReplica(MeshOp mesh) {
  SmallVector<AxisAttr> axes = mesh.getModelAxes();
  return {mesh.getIndex(mesh.getRank().value_or(0), axes), mesh.getSize(axes)};
}

SmallVector<SmallVector<int64_t>> par::getGroupsInReplica(MeshOp mesh, ArrayRef<AxisAttr> axes) {
  SmallVector<AxisAttr> model = mesh.getModelAxes();
  SmallVector<SmallVector<int64_t>> groups;
  DenseSet<int64_t> grouped;
  for (int64_t rank : mesh.getGroup(mesh.getRank().value_or(0), model)) {
    if (grouped.contains(rank))
      continue;
    SmallVector<int64_t> members = mesh.getGroup(rank, axes);
    grouped.insert_range(members);
    for (int64_t &member : members)
      member = mesh.getIndex(member, model);
    groups.push_back(std::move(members));
  }
  return groups;
}
