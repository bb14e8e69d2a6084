//===- MessageCommunicator.cpp - Collectives of messages ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How messages are exchanged and waited for. MessageCollectives.cpp says which.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/MessageState.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <thread>

#include <sched.h>

using namespace plait;

using Clock = std::chrono::steady_clock;

MessageCommunicator::MessageCommunicator(std::shared_ptr<Mail> mailbox, std::vector<int> all, uint32_t context,
                                         std::chrono::milliseconds deadline, Algorithm wanted, MessageCommunicator *of,
                                         std::vector<int> names)
    : mail(std::move(mailbox)), members(std::move(all)), context(context), deadline(deadline), wanted(wanted),
      parent(of) {
  whole = of;
  labels = std::move(names);
  me = int(std::find(members.begin(), members.end(), mail->rank()) - members.begin());
  cpu_set_t set;
  bool crowded = ::sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) < (parent ? parent->size() : size());
  spins = crowded ? 16 : 5000;
  for (int rank = 0; rank < size(); ++rank) {
    peers.push_back(std::make_unique<Peer>());
    if (rank != me)
      peers.back()->noticeComing = expect(peers.back()->notice.bytes(), rank, noticeTag);
  }
}

MessageCommunicator::~MessageCommunicator() {
  if (failure)
    tellAll(kLeft, Status::success());
}

uint32_t MessageCommunicator::mostContext(const Mail &mail) { return (mail.mostTag() + 1) / tags - 1; }

uint32_t MessageCommunicator::tag(Tag tag) const { return context * tags + tag; }

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

/// `lost` is what the rank is called.
Status MessageCommunicator::fail(Status status, int lost) {
  failure = status;
  culprit = lost;
  mail->setFailed();
  tellAll(kFailed, status);
  if (parent && parent->failure)
    (void)parent->fail(status, lost);
  return status;
}

Status MessageCommunicator::lose(Waiting waiting, const std::string &why) {
  waiting.peer = nameOf(waiting.peer);
  return fail(lostError(waiting, why), waiting.peer);
}

void MessageCommunicator::tellAll(uint32_t state, const Status &status) {
  Notice notice;
  notice.state = state;
  notice.code = uint32_t(status.code());
  notice.culprit = culprit;
  std::snprintf(notice.text, sizeof(notice.text), "%s", status.message().c_str());
  std::vector<Mail::Message> going;
  for (int rank = 0; rank < size(); ++rank)
    if (rank != me)
      going.push_back(begin(notice.bytes(), rank, noticeTag));
  // One that is lost does not take it.
  auto end = Clock::now() + std::chrono::milliseconds(100);
  while (!std::all_of(going.begin(), going.end(), [](Mail::Message &message) { return message.done(); }) &&
         Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::microseconds(50));
}

/// Whether somebody says that he has failed.
Status MessageCommunicator::hear(Clock::time_point now) {
  for (int rank = 0; rank < size(); ++rank) {
    Peer &peer = *peers[size_t(rank)];
    if (rank == me || peer.heard || !peer.noticeComing.done() || peer.noticeComing.failed())
      continue;
    peer.heard = true;
    peer.gone = now;
    peer.notice.text[sizeof(peer.notice.text) - 1] = 0;
    if (peer.notice.state == kFailed)
      return fail(Status::error(StatusCode(peer.notice.code), peer.notice.text), peer.notice.culprit);
  }
  if (!parent)
    return Status::success();
  Status status = parent->failure ? parent->hear(now) : parent->failure;
  return status || !failure ? status : fail(status, parent->culprit);
}

/// Looks whether somebody has failed, and whether the rank that is waited for may still answer.
Status MessageCommunicator::look(const Waiting &waiting, Clock::time_point now) {
  // What had been sent before a rank left or ended may still be on its way.
  constexpr std::chrono::milliseconds kOnItsWay{100};
  PLAIT_RETURN_IF_ERROR(hear(now));
  Peer &peer = *peers[size_t(waiting.peer)];
  int there = members[size_t(waiting.peer)];
  if (peer.heard && now - peer.gone > kOnItsWay)
    return lose(waiting, "it has left the group");
  if (!peer.ended && mail->ended(there)) {
    peer.ended = true;
    peer.gone = now;
  }
  if (peer.ended && now - peer.gone > kOnItsWay)
    return lose(waiting, "its process has ended");
  // Silence is counted in own beats, so a machine that stands still blames nobody.
  uint32_t own = mail->beats(mail->rank());
  if (uint32_t beats = mail->beats(there); beats != peer.beats || !peer.watched) {
    peer.watched = true;
    peer.beats = beats;
    peer.since = own;
  } else if (auto silent = (own - peer.since) * Mail::kBeat; silent >= deadline) {
    return lose(waiting, silenceText(silent));
  }
  return Status::success();
}

Status MessageCommunicator::wait(Mail::Message &message, const Waiting &waiting) {
  auto began = Clock::now(), looked = began;
  peers[size_t(waiting.peer)]->watched = false;
  for (unsigned i = 0; !message.done(); ++i) {
    if (i < spins)
      continue;
    auto now = Clock::now();
    if (now - looked > std::chrono::milliseconds(5)) {
      looked = now;
      // It may have come just before it was missed.
      if (Status status = look(waiting, now); !status)
        return status;
    }
    if (now - began < std::chrono::milliseconds(2))
      std::this_thread::yield();
    else
      std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  if (message.failed())
    return lose(waiting, "its message could not be carried");
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Exchanging
//===----------------------------------------------------------------------===//

void MessageCommunicator::sendRest(std::span<const uint8_t> data, size_t from, int to, Tag tag,
                                   std::vector<Mail::Message> &going) {
  for (; from < data.size(); from += Mail::kMostBytes)
    going.push_back(begin(data.subspan(from, std::min(Mail::kMostBytes, data.size() - from)), to, tag));
}

Status MessageCommunicator::receiveRest(std::span<uint8_t> data, size_t from, int peer, Tag tag,
                                        const Waiting &waiting) {
  for (; from < data.size(); from += Mail::kMostBytes) {
    Mail::Message rest = expect(data.subspan(from, std::min(Mail::kMostBytes, data.size() - from)), peer, tag);
    PLAIT_RETURN_IF_ERROR(wait(rest, waiting));
  }
  return Status::success();
}

Status MessageCommunicator::exchange(uint64_t signature, const char *op, std::span<const Parcel> parcels) {
  const char *name = collectiveName(CollectiveKind(signature >> 56));
  if (!failure)
    return failure;
  std::vector<Mail::Message> coming(parcels.size()), going;
  std::vector<int> takers;
  for (size_t i = 0; i < parcels.size(); ++i)
    if (parcels[i].receives)
      coming[i] =
          expect(peers[size_t(parcels[i].peer)]->in.bytes(sizeof(Envelope::data)), parcels[i].peer, collectiveTag);
  for (const Parcel &parcel : parcels) {
    if (!parcel.sends)
      continue;
    Envelope &envelope = peers[size_t(parcel.peer)]->out;
    size_t inside = envelope.fill(signature, parcel.out, op);
    going.push_back(begin(envelope.bytes(inside), parcel.peer, collectiveTag));
    sendRest(parcel.out, inside, parcel.peer, collectiveRestTag, going);
    takers.resize(going.size(), parcel.peer);
  }
  for (size_t i = 0; i < parcels.size(); ++i) {
    const Parcel &parcel = parcels[i];
    if (!parcel.receives)
      continue;
    Waiting waiting{parcel.peer, "reached", name, op};
    PLAIT_RETURN_IF_ERROR(wait(coming[i], waiting));
    Envelope &envelope = peers[size_t(parcel.peer)]->in;
    if (!envelope.whole(coming[i].bytes()) || envelope.signature != signature || !envelope.isFrom(op) ||
        envelope.size != parcel.in.size())
      return fail(strayError(nameOf(parcel.peer), envelope.signature, envelope.op, signature, op), nameOf(parcel.peer));
    size_t inside = envelope.take(parcel.in);
    PLAIT_RETURN_IF_ERROR(receiveRest(parcel.in, inside, parcel.peer, collectiveRestTag, waiting));
  }
  for (size_t i = 0; i < going.size(); ++i)
    PLAIT_RETURN_IF_ERROR(wait(going[i], {takers[i], "taken what was sent by", name, op}));
  return Status::success();
}

Status MessageCommunicator::send(std::span<const uint8_t> data, int to, const char *op) {
  record(CollectiveKind::sendRecv, data.size());
  if (!failure)
    return failure;
  if (data.empty())
    return Status::success();
  Envelope &envelope = peers[size_t(to)]->pairOut;
  size_t inside = envelope.fill(signatureOf(CollectiveKind::sendRecv, data.size()), data, op);
  std::vector<Mail::Message> going;
  going.push_back(begin(envelope.bytes(inside), to, pairTag));
  sendRest(data, inside, to, pairRestTag, going);
  for (Mail::Message &message : going)
    PLAIT_RETURN_IF_ERROR(wait(message, {to, "taken what was sent by", "send_recv", op}));
  return Status::success();
}

Status MessageCommunicator::recv(std::span<uint8_t> data, int from, const char *op) {
  record(CollectiveKind::sendRecv, data.size());
  if (!failure)
    return failure;
  if (data.empty())
    return Status::success();
  Envelope &envelope = peers[size_t(from)]->pairIn;
  Waiting waiting{from, "sent for", "send_recv", op};
  Mail::Message coming = expect(envelope.bytes(sizeof(envelope.data)), from, pairTag);
  PLAIT_RETURN_IF_ERROR(wait(coming, waiting));
  if (!envelope.whole(coming.bytes()) || envelope.size != data.size())
    return fail(strayMessage(nameOf(from), envelope.size, data.size(), op), nameOf(from));
  size_t inside = envelope.take(data);
  return receiveRest(data, inside, from, pairRestTag, waiting);
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

Expected<std::vector<std::unique_ptr<Communicator>>>
MessageCommunicator::split(std::span<const std::vector<int>> groups) {
  if (parent)
    return unsupported("ranks: found a part of a group; expected the whole one to be split");
  // Processes may have made different groups before; beyond the last of any of them
  // contexts are free between all.
  std::vector<uint32_t> last(members.size());
  std::vector<size_t> bytes(members.size(), sizeof(uint32_t));
  uint32_t own = mail->lastContext();
  PLAIT_RETURN_IF_ERROR(allGather({reinterpret_cast<const uint8_t *>(&own), sizeof(own)},
                                  {reinterpret_cast<uint8_t *>(last.data()), last.size() * sizeof(uint32_t)}, bytes,
                                  "groups"));
  uint32_t first = *std::max_element(last.begin(), last.end()) + 1;
  if (first + groups.size() > mostContext(*mail))
    return unsupported("ranks: found more groups than there are tags of messages (" + std::to_string(mail->mostTag()) +
                       ")");
  mail->useContexts(first + uint32_t(groups.size()));
  std::vector<std::unique_ptr<Communicator>> parts(groups.size());
  for (size_t i = 0; i < groups.size(); ++i) {
    if (std::find(groups[i].begin(), groups[i].end(), me) == groups[i].end())
      continue;
    std::vector<int> there;
    for (int member : groups[i])
      there.push_back(members[size_t(member)]);
    parts[i] = std::make_unique<MessageCommunicator>(mail, std::move(there), first + uint32_t(i), deadline, wanted,
                                                     this, groups[i]);
  }
  return parts;
}
