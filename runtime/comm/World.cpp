//===- World.cpp - Processes that a launcher has started ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/World.h"

#include "runtime/comm/Faults.h"
#include "runtime/comm/Mail.h"
#include "runtime/comm/MessageCommunicator.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

#include <dlfcn.h>
#include <unistd.h>

using namespace plait;

// Of Open MPI, of MPICH and its kin, and of launchers that speak PMIx.
static constexpr const char *kSizeNames[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS"};
static constexpr const char *kRankNames[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"};

std::string World::launcher() {
  for (const char *name : kSizeNames)
    if (const char *size = std::getenv(name))
      return std::strcmp(size, "1") == 0 ? std::string() : std::string(name) + "=" + size;
  return "";
}

int World::launchedRank() {
  for (const char *name : kRankNames)
    if (const char *rank = std::getenv(name))
      return std::atoi(rank);
  return 0;
}

void World::forgetLauncher() {
  for (const char *name : kSizeNames)
    ::unsetenv(name);
}

/// Where the plug-in may be: as $PLAIT_COMM_PLUGIN says, else beside this program.
static std::vector<std::string> pluginPaths() {
  if (const char *path = std::getenv("PLAIT_COMM_PLUGIN"); path && *path)
    return {path};
  char self[4096];
  ssize_t length = ::readlink("/proc/self/exe", self, sizeof(self));
  std::string program(self, size_t(std::max<ssize_t>(length, 0)));
  std::string folder = program.substr(0, program.rfind('/') + 1);
  std::vector<std::string> paths = {folder + "../lib/libplait-comm-mpi.so"};
  if (std::strcmp(PLAIT_LIBDIR, "lib") != 0)
    paths.push_back(folder + "../" PLAIT_LIBDIR "/libplait-comm-mpi.so");
  return paths;
}

Expected<std::shared_ptr<World>> World::open(const WorldOptions &options) {
  std::string tried;
  for (const std::string &path : pluginPaths()) {
    // Libraries of messages load parts of their own, which need what this one has.
    void *library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
      tried += std::string(tried.empty() ? "" : "; ") + ::dlerror();
      continue;
    }
    auto symbol = reinterpret_cast<decltype(&plait_comm_plugin_v1)>(::dlsym(library, "plait_comm_plugin_v1"));
    const plait_comm_plugin_v1_t *plugin = symbol ? symbol() : nullptr;
    if (!plugin || plugin->version != PLAIT_COMM_PLUGIN_VERSION || plugin->struct_size < sizeof(*plugin))
      return unsupported(path + ": found a library that is no plug-in of version 1; expected one; build it with this "
                                "version of Plait");
    return open(*plugin, options);
  }
  return notFound("ranks: found that a launcher has started this process (" + launcher() +
                  ") but no plug-in for its messages (" + tried +
                  "); build Plait where MPI is installed, or start plait without the launcher");
}

Expected<std::shared_ptr<World>> World::open(const plait_comm_plugin_v1_t &plugin, const WorldOptions &options) {
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Mail> mail, Mail::open(plugin));
  std::shared_ptr<World> world(new World(std::move(mail), options));
  PLAIT_RETURN_IF_ERROR(world->meet(options));
  return world;
}

World::World(std::shared_ptr<Mail> mailbox, const WorldOptions &options)
    : mail(std::move(mailbox)), deadline(options.deadline) {
  std::vector<int> members(size_t(mail->size()));
  std::iota(members.begin(), members.end(), 0);
  everyone = std::make_unique<MessageCommunicator>(mail, std::move(members), mail->nextContext(), deadline);
}

World::~World() = default;

bool World::inOrder() const { return !mail->hasFailed(); }

/// Tells where this process is and what it runs, and hears it of the others.
Status World::meet(const WorldOptions &options) {
  struct Card {
    ProcessPlace place;
    int32_t algorithm; ///< of all-reduces; that of rank 0 holds
    char identity[1004];
  };
  PLAIT_ASSIGN_OR_RETURN(Algorithm wanted, algorithmOfEnvironment());
  std::vector<Card> cards{size_t(size())};
  Card mine = {ProcessPlace::own(), int32_t(wanted), {}};
  options.identity.copy(mine.identity, sizeof(mine.identity) - 1);
  std::vector<size_t> bytes(cards.size(), sizeof(Card));
  PLAIT_RETURN_IF_ERROR(everyone->allGather({reinterpret_cast<const uint8_t *>(&mine), sizeof(mine)},
                                            {reinterpret_cast<uint8_t *>(cards.data()), cards.size() * sizeof(Card)},
                                            bytes, "start"));
  std::vector<ProcessPlace> places;
  for (Card &card : cards) {
    card.identity[sizeof(card.identity) - 1] = 0;
    places.push_back(card.place);
  }
  mail->setPlaces(std::move(places));
  algorithm = Algorithm(cards[0].algorithm);
  static_cast<MessageCommunicator &>(*everyone).setAlgorithm(algorithm);
  for (int rank = 1; rank < size() && alikeStatus; ++rank)
    if (std::strcmp(cards[size_t(rank)].identity, cards[0].identity) != 0)
      alikeStatus = identityError(rank, cards[size_t(rank)].identity, cards[0].identity);
  return Status::success();
}

Expected<std::unique_ptr<Communicator>> World::split(int color, int key, const char *name) {
  struct Choice {
    int32_t color, key;
  };
  std::vector<Choice> choices{size_t(size())};
  Choice mine{color, key};
  std::vector<size_t> bytes(choices.size(), sizeof(Choice));
  PLAIT_RETURN_IF_ERROR(
      everyone->allGather({reinterpret_cast<const uint8_t *>(&mine), sizeof(mine)},
                          {reinterpret_cast<uint8_t *>(choices.data()), choices.size() * sizeof(Choice)}, bytes, name));
  uint32_t context = mail->nextContext(); // the same everywhere, as all ranks split alike
  if (context > MessageCommunicator::mostContext(*mail))
    return unsupported(std::string("groups @") + name + ": found more of them than there are tags of messages (" +
                       std::to_string(mail->mostTag()) + ")");
  if (color < 0)
    return std::unique_ptr<Communicator>();
  std::vector<int> members;
  for (int rank = 0; rank < size(); ++rank)
    if (choices[size_t(rank)].color == color)
      members.push_back(rank);
  std::sort(members.begin(), members.end(),
            [&](int a, int b) { return std::pair(choices[size_t(a)].key, a) < std::pair(choices[size_t(b)].key, b); });
  return std::unique_ptr<Communicator>(
      std::make_unique<MessageCommunicator>(mail, std::move(members), context, deadline, algorithm));
}

void World::close(int code) {
  everyone.reset();
  mail->close(code);
}
