//===- CopyEpochs.cpp - Collectives at random that copy -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Epoch.h"

#include "runtime/comm/SharedRegion.h"

#include <array>
#include <functional>

using namespace plait;

const char *plait::protocolName(Protocol protocol) {
  static constexpr std::array<const char *, kProtocols> names = {
      "all_reduce", "reduce_scatter", "all_gather",      "reduce_gather",      "all_to_all",
      "broadcast",  "send_recv",      "tree_all_reduce", "tree_reduce_scatter"};
  return names[size_t(protocol)];
}

size_t plait::drawBytes(Random &random, size_t staging, size_t most) {
  size_t kind = random.draw(64);
  if (kind == 0)
    return random.draw(most + 1);
  if (kind < 8)
    return std::min(most, staging + random.draw(9) - 4);
  if (kind < 16)
    return std::min(most, random.draw(3 * staging));
  return std::min(most, random.draw(kind < 32 ? 16 : 1200));
}

namespace {

/// Most bytes of a message: several chunks of a channel.
constexpr size_t kMostBytes = 200'000;

class AllGatherEpoch final : public Epoch {
public:
  AllGatherEpoch(const Setting &setting, uint64_t seed, Random random, Random placing)
      : setting(setting), seed(seed), bytes(draw(setting, random)), in(bytes[size_t(setting.me)], placing),
        out(sum(bytes), placing) {
    in.fill([&](size_t i) { return byteOf(seed, size_t(setting.me), i); });
  }
  Status run(Communicator &c) override { return c.allGather(in, out, bytes, "gather"); }
  std::string check() const override {
    size_t rank = 0, first = 0;
    std::string text = out.compare("out", [&](size_t i) {
      for (; i >= first + bytes[rank]; ++rank)
        first += bytes[rank];
      return byteOf(seed, rank, i - first);
    });
    return text + in.compare(" in", [&](size_t i) { return byteOf(seed, size_t(setting.me), i); });
  }

private:
  static std::vector<size_t> draw(const Setting &setting, Random &random) {
    std::vector<size_t> bytes;
    for (int rank = 0; rank < setting.ranks; ++rank)
      bytes.push_back(random.oneIn(6) ? 0 : drawBytes(random, setting.staging, 4 * setting.staging));
    return bytes;
  }
  static size_t sum(const std::vector<size_t> &bytes) {
    size_t total = 0;
    for (size_t size : bytes)
      total += size;
    return total;
  }
  Setting setting;
  uint64_t seed;
  std::vector<size_t> bytes;
  Guarded<uint8_t> in, out;
};

class AllToAllEpoch final : public Epoch {
public:
  AllToAllEpoch(const Setting &setting, uint64_t seed, Random random, Random placing)
      : n(size_t(setting.ranks)), me(size_t(setting.me)), seed(seed), bytes(draw(setting, random)),
        in(sum([&](size_t to) { return bytes[me * n + to]; }), placing),
        out(sum([&](size_t from) { return bytes[from * n + me]; }), placing) {
    in.fill(given());
  }
  Status run(Communicator &c) override { return c.allToAll(in, out, bytes, "exchange"); }
  std::string check() const override {
    std::string text = out.compare("out", [&, from = size_t(0), first = size_t(0)](size_t i) mutable {
      for (; i >= first + bytes[from * n + me]; ++from)
        first += bytes[from * n + me];
      return byteOf(seed, from * n + me, i - first);
    });
    return text + in.compare(" in", given());
  }

private:
  static std::vector<size_t> draw(const Setting &setting, Random &random) {
    std::vector<size_t> bytes;
    size_t slice = setting.staging / size_t(setting.ranks); // of a pair
    for (int i = 0; i < setting.ranks * setting.ranks; ++i)
      bytes.push_back(random.oneIn(6) ? 0 : drawBytes(random, slice, 4 * slice));
    return bytes;
  }
  size_t sum(auto size) const {
    size_t total = 0;
    for (size_t rank = 0; rank < n; ++rank)
      total += size(rank);
    return total;
  }
  std::function<uint8_t(size_t)> given() const {
    return [this, to = size_t(0), first = size_t(0)](size_t i) mutable {
      for (; i >= first + bytes[me * n + to]; ++to)
        first += bytes[me * n + to];
      return byteOf(seed, me * n + to, i - first);
    };
  }
  size_t n, me;
  uint64_t seed;
  std::vector<size_t> bytes;
  Guarded<uint8_t> in, out;
};

class BroadcastEpoch final : public Epoch {
public:
  BroadcastEpoch(const Setting &setting, uint64_t seed, Random random, Random placing)
      : seed(seed), root(int(random.draw(size_t(setting.ranks)))),
        data(drawBytes(random, setting.staging, 5 * setting.staging), placing) {
    if (setting.me == root)
      data.fill([&](size_t i) { return byteOf(seed, 0, i); });
  }
  Status run(Communicator &c) override { return c.broadcast(data, root, "spread"); }
  std::string check() const override {
    return data.compare("data", [&](size_t i) { return byteOf(seed, 0, i); });
  }

private:
  uint64_t seed;
  int root;
  Guarded<uint8_t> data;
};

/// Messages of any pairs. All ranks know them and take their own in this order, so nobody waits in a circle.
class SendRecvEpoch final : public Epoch {
public:
  SendRecvEpoch(const Setting &setting, uint64_t seed, Random random, Random placing) : seed(seed), me(setting.me) {
    if (setting.ranks == 1)
      return;
    size_t ranks = size_t(setting.ranks), count = 1 + random.draw(2 * ranks);
    for (size_t i = 0; i < count; ++i) {
      int from = int(random.draw(ranks)), to = int((size_t(from) + 1 + random.draw(ranks - 1)) % ranks);
      bool isLong = random.oneIn(16);
      size_t bytes = drawBytes(random, isLong ? SharedRegion::kChannelBytes : 4096, isLong ? kMostBytes : 8192);
      if (me != from && me != to)
        continue;
      messages.push_back({i, from, to, Guarded<uint8_t>(bytes, placing)});
      if (me == from)
        messages.back().data.fill([&](size_t k) { return byteOf(seed, i, k); });
    }
  }
  Status run(Communicator &c) override {
    for (Message &message : messages)
      PLAIT_RETURN_IF_ERROR(me == message.from ? c.send(message.data, message.to, "message")
                                               : c.recv(message.data, message.from, "message"));
    return Status::success();
  }
  std::string check() const override {
    std::string text;
    for (const Message &message : messages)
      text += message.data.compare("message", [&](size_t k) { return byteOf(seed, message.number, k); });
    return text;
  }

private:
  struct Message {
    size_t number;
    int from, to;
    Guarded<uint8_t> data;
  };
  uint64_t seed;
  int me;
  std::vector<Message> messages;
};

} // namespace

std::unique_ptr<Epoch> plait::makeEpoch(Protocol protocol, const Setting &setting, uint64_t seed) {
  Random random(seed), placing(seed + 1 + uint64_t(setting.me));
  switch (protocol) {
  case Protocol::allGather:
    return std::make_unique<AllGatherEpoch>(setting, seed, random, placing);
  case Protocol::allToAll:
    return std::make_unique<AllToAllEpoch>(setting, seed, random, placing);
  case Protocol::broadcast:
    return std::make_unique<BroadcastEpoch>(setting, seed, random, placing);
  case Protocol::sendRecv:
    return std::make_unique<SendRecvEpoch>(setting, seed, random, placing);
  default:
    return makeSumEpoch(protocol, setting, seed);
  }
}
