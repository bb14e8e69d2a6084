//===- Launched.cpp - Ranks that a launcher has started -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Launched.h"

#include "runtime/base/Digest.h"
#include "runtime/comm/World.h"
#include "runtime/core/Handover.h"
#include "tools/plait/Console.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>

#include <unistd.h>

using namespace plait;

namespace {

std::shared_ptr<World> world;

/// What rank 0 tells the others, over the group of all.
struct Order {
  enum Kind : uint32_t { end, serve };
  uint32_t kind = end;
  int32_t code = 0; ///< to exit with
  uint32_t threads = 0;
  char isa[256] = {};
  char identity[512] = {}; ///< of the model, as groupOptions has it
  char path[4096] = {};
  std::span<uint8_t> bytes() { return {reinterpret_cast<uint8_t *>(this), sizeof(*this)}; }
};

Status put(char *field, size_t size, const std::string &text, const char *what) {
  if (text.size() >= size)
    return invalidArgument(fmt::format("{}: found {} bytes; expected at most {}", what, text.size(), size - 1));
  std::memcpy(field, text.c_str(), text.size() + 1);
  return Status::success();
}

/// What all processes of a launch must agree on before they say anything else.
std::string commandText(int argc, char **argv) {
  std::string text = fmt::format("plait {} started as:", PLAIT_VERSION);
  for (int i = 1; i < argc; ++i)
    text += fmt::format(" {}", argv[i]);
  // As much as is compared in full; the rest by its digest.
  return text.size() <= 400 ? text : fmt::format("{} ... ({})", text.substr(0, 340), digestOf(text));
}

Connect connectLaunched() {
  return [](size_t index, const WorldGroup &group) -> Expected<std::unique_ptr<Communicator>> {
    int rank = group.indexOf(world->rank());
    return world->split(rank < 0 ? -1 : int(index), rank, group.name());
  };
}

Status serveOrder(const Order &order, ModelOptions &model) {
  std::string path = order.path;
  std::optional<ArtifactSource> source;
  std::optional<Manifest> manifest;
  auto identity = [&]() -> Status {
    PLAIT_ASSIGN_OR_RETURN(source, ArtifactSource::open(path));
    PLAIT_ASSIGN_OR_RETURN(manifest, readManifest(*source));
    if (std::string own = identityOf(*manifest); own != order.identity)
      return invalidArgument(
          fmt::format("{}: found {}; expected {}, as rank 0 has", path, own, std::string(order.identity)));
    return Status::success();
  };
  // Rank 0 says what is wrong.
  if (Status agreed = agreeOn(world->all(), identity(), "find the model"); !agreed)
    return agreed.code() == StatusCode::resource ? agreed : Status::success();
  return serveModel(std::move(*source), manifest->mesh(), world->rank(), {order.isa, "", order.threads},
                    connectLaunched(), model);
}

int follow() {
  // The launcher ends all ranks with it, and rank 0 decides when.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  dup2(STDERR_FILENO, STDOUT_FILENO); // the output is rank 0's
  while (true) {
    Order order;
    Status status = world->all().broadcast(order.bytes(), 0, "next command");
    if (status && order.kind == Order::end) {
      world->close(0);
      return order.code;
    }
    if (!status && world->rank() == 1 && world->all().lostRank() == 0)
      fail(status);
    ModelOptions model;
    if (status)
      status = serveOrder(order, model);
    if (tellsOfRankZero(status, world->rank(), model))
      fail(status);
    if (status)
      continue;
    if (status.code() != StatusCode::resource)
      fail(status.withContext(fmt::format("rank {}", world->rank())));
    // Rank 0 has the time to say what has happened, then it ends all.
    if (world->rank() != 1)
      std::this_thread::sleep_for(std::chrono::seconds(2));
    std::this_thread::sleep_for(std::chrono::seconds(1));
    world->close(exitFailure);
    return exitFailure;
  }
}

} // namespace

bool plait::leadsLaunched() { return world && world->rank() == 0 && world->size() > 1; }

int plait::lostRankOf(const ModelOptions &model) {
  if (model.handover && model.handover->communicator().lostRank() >= 0)
    return model.handover->communicator().lostRank();
  std::vector<std::shared_ptr<RankGroup>> groups = model.links;
  groups.push_back(model.group);
  for (const std::shared_ptr<RankGroup> &group : groups)
    if (group && group->communicator().lostRank() >= 0)
      return group->communicator().lostRank();
  return -1;
}

bool plait::tellsOfRankZero(const Status &status, int worldRank, const ModelOptions &model) {
  return !status && worldRank == 1 && lostRankOf(model) == 0;
}

Status plait::refuseLaunched(const std::string &path) {
  if (!leadsLaunched())
    return Status::success();
  return invalidArgument(
      fmt::format("{}: found {} processes that a launcher has started; expected 1, as the model is of "
                  "one rank; start it without the launcher, or compile it with --tp={}",
                  path, world->size(), world->size()));
}

Status plait::joinLaunched(const std::string &path, const Manifest &manifest, const RankOptions &options,
                           ModelOptions &model) {
  Mesh mesh = manifest.mesh();
  if (mesh.size() != world->size())
    return invalidArgument(
        fmt::format("{}: found {} processes that a launcher has started; expected {}, as the model is "
                    "of {} ranks; start it with -n {}, or compile it with --tp={}",
                    path, world->size(), mesh.size(), mesh.size(), mesh.size(), world->size()));
  if (!options.emulatedLink.empty())
    return invalidArgument("--emulate-link: found ranks that a launcher has started; expected those that plait starts "
                           "itself, as only their link can be slowed down");
  Order order;
  order.kind = Order::serve;
  order.threads = options.threads;
  char *real = realpath(path.c_str(), nullptr);
  std::string found = real ? real : path;
  std::free(real);
  PLAIT_RETURN_IF_ERROR(put(order.path, sizeof(order.path), found, "path of the model"));
  PLAIT_RETURN_IF_ERROR(put(order.isa, sizeof(order.isa), options.isa, "--isa"));
  PLAIT_RETURN_IF_ERROR(put(order.identity, sizeof(order.identity), identityOf(manifest), "identity of the model"));
  PLAIT_RETURN_IF_ERROR(world->all().broadcast(order.bytes(), 0, "next command"));
  PLAIT_RETURN_IF_ERROR(agreeOn(world->all(), Status::success(), "find the model"));
  return joinWorld(mesh, 0, connectLaunched(), /*processes=*/nullptr, model);
}

int plait::underLauncher(int argc, char **argv, const std::function<int()> &command) {
  if (World::launcher().empty())
    return command();
  int rank = World::launchedRank();
  WorldOptions options;
  options.identity = commandText(argc, argv);
  auto opened = World::open(options);
  if (!opened)
    return rank == 0 ? fail(opened.status()) : exitFailure;
  world = opened.take();
  World::forgetLauncher();
  if (!world->alike()) {
    if (world->rank() == 0)
      fail(world->alike());
    world->close(0);
    return exitFailure;
  }
  if (world->rank() != 0)
    return follow();
  int code = command();
  Order order;
  order.code = code;
  bool inOrder = world->inOrder() && world->all().broadcast(order.bytes(), 0, "next command").ok();
  world->close(inOrder ? 0 : code ? code : exitFailure);
  return code;
}
