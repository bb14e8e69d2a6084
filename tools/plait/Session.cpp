//===- Session.cpp - An artifact opened for generation --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Session.h"

#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Topology.h"

#include <algorithm>
#include <chrono>
#include <fstream>

using namespace plait;

Expected<Session> Session::open(const std::string &path, const CompileOptions &compile, unsigned threads) {
  Session session;
  PLAIT_ASSIGN_OR_RETURN(session.artifact, resolveArtifact(path, compile));
  auto begin = std::chrono::steady_clock::now();
  ModelOptions options;
  options.threads = threads;
  PLAIT_ASSIGN_OR_RETURN(session.model, Model::open(session.artifact.path, options));
  session.loadSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return session;
}

Expected<std::optional<Tokenizer>> Session::tokenizer() const {
  std::string path = model->filePath("tokenizer.json");
  if (path.empty())
    return std::optional<Tokenizer>();
  PLAIT_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::fromFile(path));
  return std::optional<Tokenizer>(std::move(tokenizer));
}

static int64_t availableBytes() {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (int64_t kilobytes; file >> name >> kilobytes;) {
    if (name == "MemAvailable:")
      return kilobytes * 1024;
    std::getline(file, unit);
  }
  return INT64_MAX;
}

int64_t plait::wholePages(const Model &model, int64_t positions) {
  int64_t size = pageTokens(model.tables());
  return (positions + size - 1) / size;
}

int64_t plait::pagesToReserve(const Model &model, const Demand &demand) {
  int64_t pageBytes = 0; // of one page in all layers of all states
  for (int32_t i = 0; i < model.tables().state_count; ++i) {
    const plait_state_v1_t &state = model.tables().states[i];
    pageBytes += state.layers * int64_t(state.page_bytes);
  }
  int64_t all = wholePages(model, demand.totalPositions) + demand.sequences;
  int64_t fit = pageBytes ? availableBytes() / 5 * 4 / pageBytes : all;
  int64_t one = wholePages(model, demand.positions);
  return std::clamp<int64_t>(std::max(std::min(all, fit), one), 1, INT32_MAX);
}
