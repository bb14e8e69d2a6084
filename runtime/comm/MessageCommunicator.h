//===- MessageCommunicator.h - Collectives of messages ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The contract of Communicator between processes that share no memory. The message
// of a collective says which one it is, so that a rank that has strayed is found;
// a rank that fails or leaves tells the others.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_MESSAGECOMMUNICATOR_H
#define PLAIT_RUNTIME_COMM_MESSAGECOMMUNICATOR_H

#include "runtime/comm/Algorithms.h"
#include "runtime/comm/Faults.h"
#include "runtime/comm/Mail.h"

#include <vector>

namespace plait {

class MessageCommunicator final : public Communicator {
public:
  /// `members` are ranks of the mail; `context` tells this group's messages from others'.
  /// With `parent` a part of its ranks: `labels` are their numbers there.
  MessageCommunicator(std::shared_ptr<Mail> mail, std::vector<int> members, uint32_t context,
                      std::chrono::milliseconds deadline, Algorithm wanted = Algorithm::automatic,
                      MessageCommunicator *parent = nullptr, std::vector<int> labels = {});
  ~MessageCommunicator() override;
  static uint32_t mostContext(const Mail &mail);
  /// Of all-reduces; the same on all ranks.
  void setAlgorithm(Algorithm algorithm) { wanted = algorithm; }

  int rank() const override { return me; }
  int size() const override { return int(members.size()); }

  Status allReduce(std::span<float> data, const Reduction &how, const char *op) override;
  Status reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                       const Reduction &how, const char *op) override;
  Status allGather(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                   const char *op) override;
  Status reduceGather(const RowExchange &rows, const Reduction &how, const RowEpilogue &epilogue,
                      const char *op) override;
  Status allToAll(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                  const char *op) override;
  Status broadcast(std::span<uint8_t> data, int root, const char *op) override;
  Status send(std::span<const uint8_t> data, int to, const char *op) override;
  Status recv(std::span<uint8_t> data, int from, const char *op) override;
  Status barrier(const char *op) override;
  Expected<std::vector<std::unique_ptr<Communicator>>> split(std::span<const std::vector<int>> groups) override;

private:
  enum Tag : uint32_t { collectiveTag, collectiveRestTag, pairTag, pairRestTag, noticeTag, tags = 8 };

  /// The head of a message, and the data if it is short.
  struct Envelope;
  /// What a rank tells the others when it has failed or left.
  struct Notice;
  /// A rank of the group as this one sees it.
  struct Peer;

  uint32_t tag(Tag tag) const;
  Mail::Message begin(std::span<const uint8_t> data, int to, Tag tag) {
    return mail->send(data, members[size_t(to)], this->tag(tag));
  }
  Mail::Message expect(std::span<uint8_t> data, int from, Tag tag) {
    return mail->recv(data, members[size_t(from)], this->tag(tag));
  }

  Status exchange(uint64_t signature, const char *op, std::span<const Parcel> parcels);
  void sendRest(std::span<const uint8_t> data, size_t from, int to, Tag tag, std::vector<Mail::Message> &going);
  Status receiveRest(std::span<uint8_t> data, size_t from, int peer, Tag tag, const Waiting &waiting);
  Status wait(Mail::Message &message, const Waiting &waiting);
  Status look(const Waiting &waiting, std::chrono::steady_clock::time_point now);
  Status hear(std::chrono::steady_clock::time_point now);
  Status fail(Status status, int lost);
  Status lose(Waiting waiting, const std::string &why);
  void tellAll(uint32_t state, const Status &status);
  std::vector<Parcel> words() const;

  std::shared_ptr<Mail> mail;
  const std::vector<int> members; ///< ranks of the mail
  const uint32_t context;
  const std::chrono::milliseconds deadline;
  Algorithm wanted;
  MessageCommunicator *const parent;
  int me = 0;
  unsigned spins;
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<float> scratch;   ///< what all ranks give of this one's share
  std::vector<uint8_t> partial; ///< of all-reduces between pairs
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_MESSAGECOMMUNICATOR_H
