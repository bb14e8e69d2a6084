//===- Handover.cpp - Keys and values go to another replica ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Handover.h"

#include <algorithm>
#include <cstring>

using namespace plait;

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

std::vector<uint8_t> HandoverMessage::serialize() const {
  std::vector<int64_t> words = {peer, int64_t(pages.size())};
  for (const std::vector<int32_t> &table : pages) {
    words.push_back(int64_t(table.size()));
    words.insert(words.end(), table.begin(), table.end());
  }
  std::vector<uint8_t> bytes(words.size() * sizeof(int64_t));
  std::memcpy(bytes.data(), words.data(), bytes.size());
  return bytes;
}

Expected<HandoverMessage> HandoverMessage::read(std::span<const uint8_t> bytes, const StepLimits &limits) {
  Status wrong = internalError("ranks: found pages to hand over that are none; expected those of a sequence");
  std::vector<int64_t> words(bytes.size() / sizeof(int64_t));
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(int64_t));
  if (bytes.size() % sizeof(int64_t) || words.size() < 2 || words[1] != int64_t(limits.tables.size()))
    return wrong;
  HandoverMessage message;
  message.peer = words[0];
  size_t at = 2;
  for (const TableLimits &table : limits.tables) {
    std::vector<int32_t> &pages = message.pages.emplace_back();
    if (at == words.size() || words[at] < 0 || uint64_t(words[at]) > words.size() - at - 1)
      return wrong;
    size_t count = size_t(words[at++]);
    for (size_t end = at + count; at < end; ++at) {
      if (words[at] < 0 || words[at] >= table.capacityPages)
        return wrong;
      pages.push_back(int32_t(words[at]));
    }
  }
  return at == words.size() ? Expected<HandoverMessage>(std::move(message)) : wrong;
}

Status HandoverLink::send(std::span<const uint8_t> data, int worldRank) {
  return explainLoss(everyone->send(data, worldRank, "handover"), names, processes.get());
}

Status HandoverLink::receive(std::span<uint8_t> data, int worldRank) {
  return explainLoss(everyone->recv(data, worldRank, "handover"), names, processes.get());
}

Status HandoverLink::check() { return explainLoss(everyone->lookAround(), names, processes.get()); }

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

namespace {

/// What one rank sends to another, in messages of the buffer's size. Both know how much
/// is left, and so how large each message is.
class Stream {
public:
  Stream(HandoverLink &link, int peer, bool sends, uint64_t bytes)
      : link(link), peer(peer), sends(sends), left(bytes), buffer(size_t(std::min<uint64_t>(bytes, link.kBufferBytes))),
        at(sends ? 0 : buffer.size()) {}

  /// The next piece of the stream: out of `data` or into it.
  Status move(uint8_t *data, uint64_t bytes) {
    while (bytes) {
      if (at == buffer.size())
        PLAIT_RETURN_IF_ERROR(exchange());
      size_t now = size_t(std::min<uint64_t>(bytes, buffer.size() - at));
      if (sends)
        std::memcpy(buffer.data() + at, data, now);
      else
        std::memcpy(data, buffer.data() + at, now);
      at += now;
      data += now;
      bytes -= now;
    }
    return Status::success();
  }
  /// Sends what has not been sent.
  Status finish() { return sends && at ? exchange() : Status::success(); }

private:
  Status exchange() {
    if (sends) {
      PLAIT_RETURN_IF_ERROR(link.send({buffer.data(), at}, peer));
      left -= at;
    } else {
      buffer.resize(size_t(std::min<uint64_t>(left, buffer.size())));
      PLAIT_RETURN_IF_ERROR(link.receive(buffer, peer));
      left -= buffer.size();
    }
    at = 0;
    return Status::success();
  }

  HandoverLink &link;
  const int peer;
  const bool sends;
  uint64_t left; ///< that have not been sent, or have not come
  std::vector<uint8_t> buffer;
  size_t at; ///< in the buffer
};

/// What a rank moves to or from another one.
Expected<uint64_t> moveBetween(const HandoverPlan &plan, HandoverLink &link, int peer, bool sends, int64_t source,
                               int64_t target, std::span<const StatePages> states, const HandoverMessage &message) {
  uint64_t total = 0;
  std::vector<std::vector<HandoverPlan::Piece>> pieces;
  for (const HandoverPlan::State &state : plan.states) {
    pieces.push_back(state.pieces(source, target));
    for (const HandoverPlan::Piece &piece : pieces.back())
      total += uint64_t(piece.bytes) * message.pages[size_t(state.table)].size() * uint64_t(state.layers);
  }
  Stream stream(link, peer, sends, total);
  for (size_t i = 0; i < plan.states.size(); ++i)
    for (int64_t layer = 0; layer < plan.states[i].layers; ++layer)
      for (int32_t page : message.pages[size_t(plan.states[i].table)]) {
        const StatePages &pages = states[i];
        uint8_t *at = pages.base + (uint64_t(layer) * uint64_t(pages.capacity) + uint64_t(page)) * pages.pageBytes;
        for (const HandoverPlan::Piece &piece : pieces[i])
          PLAIT_RETURN_IF_ERROR(stream.move(at + (sends ? piece.source : piece.target), uint64_t(piece.bytes)));
      }
  PLAIT_RETURN_IF_ERROR(stream.finish());
  return total;
}

} // namespace

Expected<uint64_t> plait::movePages(const HandoverPlan &plan, HandoverLink &link, const Mesh &mesh,
                                    const Mesh::Place &place, std::span<const StatePages> states,
                                    const HandoverMessage &message) {
  bool sends = mesh.roleOf(place.replica) == ReplicaRole::prefill;
  if (message.peer < 0 || message.peer >= mesh.allReplicas() || mesh.roleOf(message.peer) == mesh.roleOf(place.replica))
    return internalError("ranks: found pages for replica " + std::to_string(message.peer) +
                         "; expected one of the other phase");
  uint64_t bytes = 0;
  // All go through their peers in order, so nobody waits for one that waits for it.
  for (int64_t other = 0; other < mesh.ranksOf(message.peer); ++other) {
    PLAIT_ASSIGN_OR_RETURN(uint64_t moved,
                           moveBetween(plan, link, int(mesh.leaderOf(message.peer) + other), sends,
                                       sends ? place.rank : other, sends ? other : place.rank, states, message));
    bytes += moved;
  }
  return bytes;
}
