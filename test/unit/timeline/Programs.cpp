//===- Programs.cpp - Steps of transformers for tests ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/timeline/Programs.h"

#include <gtest/gtest.h>

#include <numeric>

using namespace plait;
using namespace plait::timeline;

namespace {

constexpr double kActivation = 4, kWeight = 2; // bytes: f32, bf16

class Builder {
public:
  Builder(const Transformer &model, const Extents &step, bool hasExchanges, int rank)
      : model(model), step(step), hasExchanges(hasExchanges), rank(rank) {}

  std::vector<Event> run() {
    double n = model.ranks, heads = model.heads / n, kvHeads = std::max(1.0, model.kvHeads / n),
           query = heads * model.headDim, cached = kvHeads * model.headDim, inner = model.inner / n;
    for (layer = 0; layer < model.layers; ++layer) {
      product("qkv", model.hidden, query + 2 * cached);
      rows("rope", 2 * (query + cached));
      attention(query);
      product("o", query, model.hidden);
      sum("attention");
      rows("norm", 4 * model.hidden);
      product("gate_up", model.hidden, 2 * inner);
      rows("activation", 3 * inner);
      product("down", inner, model.hidden);
      sum("mlp");
      rows("norm", 4 * model.hidden);
    }
    return std::move(events);
  }

private:
  Event &add(const std::string &name, EventKind kind) {
    Event &event = events.emplace_back();
    event.name = name;
    event.kind = kind;
    event.layer = layer;
    event.ranks = {rank};
    event.extents = step;
    event.work.element = "bf16";
    return event;
  }
  void product(const char *name, double inputs, double outputs) {
    Event &event = add(name, EventKind::product);
    event.work.flops.tokens = 2 * inputs * outputs;
    event.work.storedBytes.constant = kWeight * inputs * outputs;
    event.work.activationBytes.tokens = kActivation * (inputs + outputs);
  }
  /// `moved`: elements that each row reads and writes.
  void rows(const char *name, double moved) {
    Event &event = add(name, EventKind::rowwise);
    event.work.flops.tokens = moved;
    event.work.activationBytes.tokens = kActivation * moved;
  }
  void attention(double query) {
    Event &event = add("attention", EventKind::attention);
    event.work.flops.positions = 4 * query;
    event.work.activationBytes.tokens = kActivation * 2 * query;
  }
  void sum(const char *name) {
    if (!hasExchanges)
      return;
    Event &event = add(std::string("all_reduce ") + name, EventKind::allReduce);
    event.ranks.resize(size_t(model.ranks));
    std::iota(event.ranks.begin(), event.ranks.end(), 0);
    event.bytes.tokens = kActivation * model.hidden;
  }

  const Transformer &model;
  const Extents &step;
  bool hasExchanges;
  int rank, layer = 0;
  std::vector<Event> events;
};

} // namespace

EventList timeline::makeTransformer(const Transformer &model, const Extents &step, bool hasExchanges) {
  std::vector<std::vector<Event>> programs;
  for (int rank = 0; rank < model.ranks; ++rank)
    programs.push_back(Builder(model, step, hasExchanges, rank).run());
  auto list = joinRanks(programs);
  EXPECT_TRUE(list) << list.status().message();
  return list ? *list : EventList();
}

Json timeline::readGolden(const std::string &name) {
  auto json = readJsonFile(PLAIT_TEST_DIR "/golden/timeline/" + name);
  EXPECT_TRUE(json) << json.status().message();
  return json ? *json : Json::object();
}
