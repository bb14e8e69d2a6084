//===- Artifact.cpp - Writes a model binary -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Target/Artifact.h"
#include "plait/Target/PlanJson.h"

#include "dialects/Kernel/Kernel.h"
#include "plait-abi/Types.h"
#include "runtime/base/Digest.h"
#include "runtime/base/File.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"

using namespace plait;
namespace fs = llvm::sys::fs;

Expected<ArtifactWriter> ArtifactWriter::create(const std::string &path) {
  // Never delete what is not an artifact.
  std::string target = llvm::StringRef(path).rtrim('/').str();
  if (fs::exists(target) && !fs::exists(target + "/manifest.json"))
    return invalidArgument(target + ": found something that is not a Plait artifact (no manifest.json); "
                                    "expected a new path or an artifact to replace");
  return createBeside(path);
}

Expected<ArtifactWriter> ArtifactWriter::createBeside(const std::string &path) {
  ArtifactWriter writer;
  writer.target = llvm::StringRef(path).rtrim('/').str();
  if (writer.target.empty())
    return invalidArgument("output: found an empty path; expected that of the artifact to write");
  llvm::StringRef parent = llvm::sys::path::parent_path(writer.target);
  if (!parent.empty())
    if (std::error_code error = fs::create_directories(parent))
      return resourceError(parent.str() + ": cannot be created: " + error.message());
  writer.temporary = writer.target + ".tmp-" + std::to_string(llvm::sys::Process::getProcessId());
  fs::remove_directories(writer.temporary);
  if (std::error_code error = fs::create_directory(writer.temporary, /*IgnoreExisting=*/false)) {
    std::string text = writer.temporary + ": cannot be created: " + error.message();
    writer.temporary.clear();
    return resourceError(std::move(text));
  }
  return writer;
}

ArtifactWriter::ArtifactWriter(ArtifactWriter &&other) noexcept
    : target(std::move(other.target)), temporary(std::move(other.temporary)) {
  other.temporary.clear();
}

ArtifactWriter::~ArtifactWriter() {
  if (!temporary.empty())
    fs::remove_directories(temporary);
}

Status ArtifactWriter::writeFile(const std::string &file, std::string_view contents) {
  return writeFileAtomic(pathOf(file), contents);
}

Expected<Json> ArtifactWriter::describe(const std::string &file, Progress *progress) const {
  PLAIT_ASSIGN_OR_RETURN(std::string digest, digestOfFile(pathOf(file), progress));
  uint64_t bytes = 0;
  if (std::error_code error = fs::file_size(pathOf(file), bytes))
    return resourceError(pathOf(file) + ": " + error.message());
  return Json{{"file", file}, {"bytes", bytes}, {"digest", digest}};
}

Status ArtifactWriter::commit() {
  // An artifact that is replaced steps aside first: a rename cannot replace a
  // folder that is not empty.
  std::string old = target + ".old-" + std::to_string(llvm::sys::Process::getProcessId());
  bool replaces = fs::exists(target);
  if (replaces)
    if (std::error_code error = fs::rename(target, old))
      return resourceError(target + ": cannot be replaced: " + error.message());
  if (std::error_code error = fs::rename(temporary, target)) {
    if (replaces)
      (void)fs::rename(old, target);
    return resourceError(target + ": cannot be put in place: " + error.message());
  }
  temporary.clear();
  if (replaces)
    fs::remove_directories(old);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

static Json describePlan(rt::PlanOp plan) {
  Cost total;
  int64_t launches = 0;
  auto add = [&](auto launch) {
    int64_t times = launch.getLayerEnd() - launch.getLayerBegin();
    launches += times;
    if (auto cost = dyn_cast_or_null<kernel::CostAttr>(launch.getCostAttr()))
      total = total + kernel::getCost(cost) * times;
  };
  for (Operation &op : plan.getBody().front())
    if (auto launch = dyn_cast<rt::LaunchOp>(op))
      add(launch);
    else if (auto collective = dyn_cast<rt::CollectiveOp>(op))
      add(collective);
  Json variant = {{"name", plan.getName().str()},
                  {"launches", launches},
                  {"flops", toJson(total.flops)},
                  {"weight_bytes", toJson(total.weightBytes)},
                  {"activation_bytes", toJson(total.activationBytes)}};
  if (plan.getWeaveTokens())
    variant["weave_tokens"] = plan.getWeaveTokens();
  if (plan.getShareTokens())
    variant["share_tokens"] = plan.getShareTokens();
  return variant;
}

void plait::describeModel(rt::ModelOp model, Json &manifest) {
  Block &body = model.getBody().front();
  // What grows with a sequence, and what a window keeps of one at most: its pages
  // and one more, as it does not begin where a page does.
  int64_t perToken = 0, perSequence = 0;
  std::string element; // all states have the same
  for (rt::StateOp state : body.getOps<rt::StateOp>()) {
    int64_t bytes = state.getPageBytes() * state.getLayers();
    element = state.getElement().str();
    if (state.getWindow())
      perSequence += bytes * int64_t(llvm::divideCeil(state.getWindow(), state.getPageTokens()) + 1);
    else
      perToken += llvm::divideCeil(bytes, state.getPageTokens());
  }
  // The arena of the first variant, per unit of each extent.
  Json arena = Json::object();
  constexpr const char *dims[PLAIT_DIM_COUNT] = PLAIT_DIM_NAMES;
  SmallVector<const char *> names{"constant"};
  llvm::append_range(names, dims);
  SmallVector<int64_t> sums(PLAIT_DIM_COUNT + 1, 0);
  Json variants = Json::array();
  for (rt::PlanOp plan : body.getOps<rt::PlanOp>()) {
    if (variants.empty())
      for (rt::SlotOp slot : plan.getBody().front().getOps<rt::SlotOp>())
        for (auto [sum, bytes] : llvm::zip(sums, slot.getBytes()))
          sum += bytes;
    variants.push_back(describePlan(plan));
  }
  for (auto [name, sum] : llvm::zip(names, sums))
    if (sum)
      arena[name] = sum;
  manifest["memory"] = {{"weights", int64_t(model.getPackBytes())},
                        {"state_per_token", perToken},
                        {"state_per_sequence", perSequence},
                        {"state_element", element},
                        {"arena", arena}};
  manifest["variants"] = std::move(variants);
}
