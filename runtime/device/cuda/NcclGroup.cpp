//===- NcclGroup.cpp - Ranks whose GPUs exchange by NCCL ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/NcclGroup.h"

#include <chrono>
#include <cstring>
#include <thread>

using namespace plait;
using namespace plait::cuda;

using Clock = std::chrono::steady_clock;

/// For what ranks that live do at once, connecting to each other.
static constexpr std::chrono::seconds kPatience{60};

static void *pointer(Address address) { return reinterpret_cast<void *>(address); }

std::string NcclGroup::nameFor(const std::string &op) const { return "rank " + std::to_string(all.rank()) + ", " + op; }

Expected<std::unique_ptr<NcclGroup>> NcclGroup::join(std::shared_ptr<const Nccl> nccl, Communicator &ranks,
                                                     Communicator &all) {
  std::unique_ptr<NcclGroup> group(new NcclGroup(std::move(nccl), all));
  struct Invitation {
    int32_t result = kNcclSuccess;
    NcclUniqueId id{};
  } invitation;
  if (ranks.rank() == 0)
    invitation.result = (*group->nccl)->getUniqueId(&invitation.id);
  PLAIT_RETURN_IF_ERROR(
      ranks.broadcast({reinterpret_cast<uint8_t *>(&invitation), sizeof(invitation)}, 0, "how GPUs exchange"));
  const std::string what = "connecting to other ranks";
  if (invitation.result != kNcclSuccess)
    return group->nccl->error(invitation.result, "ncclGetUniqueId", group->nameFor(what), nullptr);
  NcclConfig config;
  NcclResult begun =
      (*group->nccl)->commInitRankConfig(&group->comm, ranks.size(), invitation.id, ranks.rank(), &config);
  Status settled = group->settle(begun, "ncclCommInitRankConfig", what);
  if (!settled) {
    group->abort();
    return settled;
  }
  return group;
}

NcclGroup::~NcclGroup() {
  if (!comm)
    return;
  // What fails here goes with the process.
  NcclResult begun = (*nccl)->commFinalize(comm);
  if (settle(begun, "ncclCommFinalize", "the end"))
    (void)(*nccl)->commDestroy(comm);
  else
    abort();
}

void NcclGroup::abort() {
  if (comm)
    (void)(*nccl)->commAbort(comm);
  comm = nullptr;
}

Status NcclGroup::settle(NcclResult begun, const char *call, const std::string &op) const {
  const auto began = Clock::now();
  NcclResult state = begun;
  for (unsigned i = 0; state == kNcclInProgress; ++i) {
    if (!comm)
      return nccl->error(kNcclInvalidUsage, call, nameFor(op), nullptr);
    if (NcclResult asked = (*nccl)->commGetAsyncError(comm, &state); asked != kNcclSuccess)
      return nccl->error(asked, "ncclCommGetAsyncError", nameFor(op), comm);
    if (state != kNcclInProgress)
      break;
    if (i < 1000) {
      std::this_thread::yield();
      continue;
    }
    PLAIT_RETURN_IF_ERROR(all.lookAround());
    if (Clock::now() - began > kPatience)
      return resourceError("NCCL: " + nameFor(op) + ": found other ranks that live and have not come for " +
                           std::to_string(kPatience.count()) + " s, in " + call +
                           "; expected them; run it again with NCCL_DEBUG=INFO, which says where each waits, or with "
                           "PLAIT_GPU_EXCHANGE=host, which does without NCCL");
    std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
  return state == kNcclSuccess ? Status::success() : nccl->error(state, call, nameFor(op), comm);
}

Status NcclGroup::exchange(std::span<const GpuMessage> sends, std::span<const GpuMessage> receives, Stream stream,
                           const std::string &op) {
  if (sends.empty() && receives.empty())
    return Status::success();
  if (NcclResult result = (*nccl)->groupStart(); result != kNcclSuccess)
    return nccl->error(result, "ncclGroupStart", nameFor(op), comm);
  NcclResult failed = kNcclSuccess;
  const char *call = "ncclSend";
  auto note = [&](NcclResult result, const char *name) {
    if (failed == kNcclSuccess && result != kNcclSuccess && result != kNcclInProgress) {
      failed = result;
      call = name;
    }
  };
  for (const GpuMessage &message : sends)
    note((*nccl)->send(pointer(message.address), message.bytes, kNcclUint8, message.peer, comm, stream), "ncclSend");
  for (const GpuMessage &message : receives)
    note((*nccl)->recv(pointer(message.address), message.bytes, kNcclUint8, message.peer, comm, stream), "ncclRecv");
  // In any case, or all later calls of this thread would be part of the group.
  NcclResult ended = (*nccl)->groupEnd();
  if (failed != kNcclSuccess)
    return nccl->error(failed, call, nameFor(op), comm);
  return settle(ended, "ncclGroupEnd", op);
}

Status NcclGroup::allGather(Address from, Address to, uint64_t bytes, Stream stream, const std::string &op) {
  NcclResult begun = (*nccl)->allGather(pointer(from), pointer(to), bytes, kNcclUint8, comm, stream);
  return settle(begun, "ncclAllGather", op);
}

Status NcclGroup::check(const std::string &what) const {
  NcclResult state = kNcclSuccess;
  if (!comm)
    return Status::success();
  if (NcclResult asked = (*nccl)->commGetAsyncError(comm, &state); asked != kNcclSuccess)
    return nccl->error(asked, "ncclCommGetAsyncError", nameFor(what), comm);
  return state == kNcclSuccess || state == kNcclInProgress ? Status::success()
                                                           : nccl->error(state, "a GPU", nameFor(what), comm);
}
