//===- FakeNccl.cpp - NCCL without GPUs -----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/cuda/FakeNccl.h"

#include "runtime/device/cuda/Nccl.h"
#include "test/unit/cuda/FakeStreams.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

using namespace plait::cuda;
using namespace plait::test;

namespace {

constexpr NcclResult kInvalidArgument = 4;
constexpr Result kLaunchFailed = 719;

struct Mail {
  std::string call;
  std::vector<uint8_t> data;
  bool wasTaken = false;
};

struct Clique {
  int ranks;
  std::vector<NcclComm> members;
  std::map<std::pair<int, int>, std::deque<std::shared_ptr<Mail>>> mail; ///< from, to
};

} // namespace

struct plait::cuda::NcclCommHandle {
  std::shared_ptr<Clique> clique;
  int rank;
  int unasked = 1; ///< so often it says that it goes on, before it has done what it was asked to
  int groups = 0;
  bool isGone = false, isFinal = false, isStuck = false;
};

namespace {

FakeNccl fake;
std::map<std::string, std::shared_ptr<Clique>> cliques; ///< by the bytes of their number
std::vector<std::unique_ptr<NcclCommHandle>> handles;   ///< also of those that have gone
int lastId = 0;

/// Of a call, until its group ends.
struct Op {
  bool isSend;
  const char *call;
  NcclComm comm;
  Stream stream;
  uint8_t *data;
  size_t bytes;
  int peer;
};
thread_local std::vector<Op> ops;
thread_local int depth = 0;

NcclResult misuse(const std::string &what) {
  if (fake.misuse.empty())
    fake.misuse = what;
  return kNcclInvalidUsage;
}

NcclResult begin(const char *call, NcclComm comm = nullptr) {
  ++fake.calls[call];
  if (comm && comm->isGone)
    return misuse(std::string(call) + " of a communicator that has gone");
  bool isCommon = fake.failing == call && (fake.failingRank < 0 || (comm && fake.failingRank == comm->rank));
  return isCommon ? fake.failCode : kNcclSuccess;
}

/// Puts a group into its stream.
NcclResult launch(std::vector<Op> group) {
  if (group.empty())
    return kNcclSuccess;
  NcclComm comm = group.front().comm;
  for (const Op &op : group)
    if (op.comm != comm || op.stream != group.front().stream)
      return misuse("a group of several communicators or streams");
  ++comm->groups;
  comm->unasked = 1;
  std::vector<std::shared_ptr<Mail>> sent;
  std::vector<bool> done(group.size());
  putIntoStream(group.front().stream, [comm, group, sent, done, isNew = true]() mutable -> Result {
    std::lock_guard lock(fakeMutex());
    if (comm->isGone)
      return kSuccess;
    if (comm->rank == fake.silentRank && comm->groups > fake.silentAfter) {
      comm->isStuck = true;
      return kNotReady;
    }
    Clique &clique = *comm->clique;
    for (size_t i = 0; i < group.size() && isNew; ++i)
      if (const Op &op = group[i]; op.isSend) {
        sent.push_back(std::make_shared<Mail>(Mail{op.call, {op.data, op.data + op.bytes}}));
        clique.mail[{comm->rank, op.peer}].push_back(sent.back());
        done[i] = true;
      }
    isNew = false;
    bool isOver = true;
    for (size_t i = 0; i < group.size(); ++i) {
      auto &letters = clique.mail[{group[i].peer, comm->rank}];
      if (done[i])
        continue;
      if (letters.empty()) {
        isOver = false;
        continue;
      }
      Mail &letter = *letters.front();
      if (letter.data.size() != group[i].bytes || letter.call != group[i].call) {
        misuse(letter.call + " of " + std::to_string(letter.data.size()) + " bytes met " + group[i].call + " of " +
               std::to_string(group[i].bytes));
        return kLaunchFailed;
      }
      std::copy(letter.data.begin(), letter.data.end(), group[i].data);
      letter.wasTaken = true;
      letters.pop_front();
      done[i] = true;
    }
    for (const std::shared_ptr<Mail> &letter : sent)
      isOver &= letter->wasTaken;
    return isOver ? kSuccess : kNotReady;
  });
  return kNcclInProgress;
}

NcclResult add(Op op) {
  if (op.comm->unasked)
    return misuse(std::string(op.call) + " before the one before it was done");
  if (!op.bytes || op.peer < 0 || op.peer >= op.comm->clique->ranks || !isOnGpu(op.data, op.bytes)) {
    misuse(std::string(op.call) + ": arguments");
    return kInvalidArgument;
  }
  ops.push_back(op);
  return kNcclSuccess;
}

uint8_t *bytesAt(const void *address) { return static_cast<uint8_t *>(const_cast<void *>(address)); }

} // namespace

extern "C" __attribute__((visibility("default"))) FakeNccl *plait_fake_nccl() { return &fake; }

#define CALL(symbol, parameters, comm, ...)                                                                            \
  extern "C" __attribute__((visibility("default"))) NcclResult symbol parameters {                                     \
    std::lock_guard lock(fakeMutex());                                                                                 \
    if (NcclResult failed = begin(#symbol, comm))                                                                      \
      return failed;                                                                                                   \
    __VA_ARGS__                                                                                                        \
  }

CALL(ncclGetVersion, (int *version), nullptr, {
  *version = fake.version;
  return kNcclSuccess;
})
CALL(ncclGetUniqueId, (NcclUniqueId * id), nullptr, {
  std::memset(id, 0, sizeof(*id));
  std::snprintf(id->bytes, sizeof(id->bytes), "clique %d", ++lastId);
  return kNcclSuccess;
})
extern "C" __attribute__((visibility("default"))) NcclResult ncclCommInitRankConfig(NcclComm *comm, int ranks,
                                                                                    NcclUniqueId id, int rank,
                                                                                    NcclConfig *config) {
  std::lock_guard lock(fakeMutex());
  ++fake.calls["ncclCommInitRankConfig"];
  if (config->size != 24 || config->magic != 0xcafebeef || config->version < 21400 || config->blocking != 0)
    return misuse("ncclCommInitRankConfig: configuration");
  if (fake.failing == "ncclCommInitRankConfig" && (fake.failingRank < 0 || fake.failingRank == rank))
    return fake.failCode;
  std::shared_ptr<Clique> &clique = cliques[std::string(id.bytes, sizeof(id.bytes))];
  if (!clique) {
    clique = std::make_shared<Clique>();
    clique->ranks = ranks;
  }
  if (clique->ranks != ranks || rank < 0 || rank >= ranks)
    return misuse("ncclCommInitRankConfig: ranks");
  handles.push_back(std::make_unique<NcclCommHandle>());
  *comm = handles.back().get();
  (*comm)->clique = clique;
  (*comm)->rank = rank;
  clique->members.push_back(*comm);
  ++fake.communicators;
  return kNcclInProgress;
}
CALL(ncclCommGetAsyncError, (NcclComm comm, NcclResult *state), comm, {
  *state = kNcclSuccess;
  if (int(comm->clique->members.size()) < comm->clique->ranks) {
    *state = kNcclInProgress;
  } else if (comm->unasked) {
    --comm->unasked;
    *state = kNcclInProgress;
  } else if (comm->isStuck && fake.silentCode) {
    *state = fake.silentCode;
  } else if (comm->isFinal) {
    for (NcclComm member : comm->clique->members)
      if (!member->isFinal && !member->isGone)
        *state = kNcclInProgress;
  }
  return kNcclSuccess;
})
CALL(ncclCommFinalize, (NcclComm comm), comm, {
  comm->isFinal = true;
  return kNcclInProgress;
})
CALL(ncclCommDestroy, (NcclComm comm), comm, {
  if (!comm->isFinal)
    return misuse("ncclCommDestroy before ncclCommFinalize");
  comm->isGone = true;
  --fake.communicators;
  return kNcclSuccess;
})
CALL(ncclCommAbort, (NcclComm comm), comm, {
  comm->isGone = true;
  --fake.communicators;
  ++fake.aborts;
  return kNcclSuccess;
})
CALL(ncclGroupStart, (), nullptr, {
  ++depth;
  return kNcclSuccess;
})
CALL(ncclGroupEnd, (), nullptr, {
  if (!depth)
    return misuse("ncclGroupEnd without a group");
  return --depth ? kNcclSuccess : launch(std::exchange(ops, {}));
})
CALL(ncclSend, (const void *from, size_t count, int type, int peer, NcclComm comm, Stream stream), comm, {
  if (!depth || type != kNcclUint8 || peer == comm->rank)
    return misuse("ncclSend outside of a group, or to itself");
  return add({true, "a message", comm, stream, bytesAt(from), count, peer});
})
CALL(ncclRecv, (void *to, size_t count, int type, int peer, NcclComm comm, Stream stream), comm, {
  if (!depth || type != kNcclUint8 || peer == comm->rank)
    return misuse("ncclRecv outside of a group, or from itself");
  return add({false, "a message", comm, stream, bytesAt(to), count, peer});
})
CALL(ncclAllGather, (const void *from, void *to, size_t count, int type, NcclComm comm, Stream stream), comm, {
  if (depth || type != kNcclUint8)
    return misuse("ncclAllGather in a group");
  for (int rank = 0; rank < comm->clique->ranks; ++rank) {
    // To itself as well.
    if (NcclResult failed = add({true, "ncclAllGather", comm, stream, bytesAt(from), count, rank}))
      return failed;
    if (NcclResult failed =
            add({false, "ncclAllGather", comm, stream, bytesAt(to) + size_t(rank) * count, count, rank}))
      return failed;
  }
  return launch(std::exchange(ops, {}));
})
#undef CALL

extern "C" __attribute__((visibility("default"))) const char *ncclGetErrorString(NcclResult result) {
  return result == kNcclRemoteError ? "remote process exited or there was a network error" : "of the fake NCCL";
}
extern "C" __attribute__((visibility("default"))) const char *ncclGetLastError(NcclComm) { return ""; }
