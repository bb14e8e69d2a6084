//===- World.h - Processes that a launcher has started ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All processes of one `mpirun`, which messages connect, and the groups that they
// form. What carries the messages is a plug-in (CommPlugin.h).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_WORLD_H
#define PLAIT_RUNTIME_COMM_WORLD_H

#include "runtime/comm/CommPlugin.h"
#include "runtime/comm/Algorithms.h"

#include <chrono>
#include <memory>
#include <string>

namespace plait {

class Mail;

struct WorldOptions {
  /// What must be alike on all ranks. Compared on joining.
  std::string identity;
  /// A rank without a sign of life for so long is lost.
  std::chrono::milliseconds deadline{1500};
};

class World {
public:
  /// What says that a launcher has started this process as one of several, such as
  /// "OMPI_COMM_WORLD_SIZE=4"; empty if none has.
  static std::string launcher();
  /// The rank that the launcher says, before `open`; 0 if it does not.
  static int launchedRank();
  /// Makes programs that this one starts forget the launcher: they are no ranks.
  static void forgetLauncher();

  /// Loads the plug-in $PLAIT_COMM_PLUGIN, else that of MPI which lies beside this
  /// program, and joins the others.
  static Expected<std::shared_ptr<World>> open(const WorldOptions &options);
  static Expected<std::shared_ptr<World>> open(const plait_comm_plugin_v1_t &plugin, const WorldOptions &options);
  ~World();
  World(const World &) = delete;

  int rank() const { return everyone->rank(); }
  int size() const { return everyone->size(); }
  /// Whether all ranks gave the same identity.
  const Status &alike() const { return alikeStatus; }
  /// Whether no group of these ranks has failed.
  bool inOrder() const;
  /// The group of all.
  Communicator &all() const { return *everyone; }

  /// A group of the ranks that give the same `color`, in the order of their keys, then
  /// of their ranks. All ranks call it; one with a color below 0 is in no group and
  /// gets null.
  Expected<std::unique_ptr<Communicator>> split(int color, int key, const char *name);

  /// Leaves. With code 0 all ranks do so; with another one it ends all processes.
  void close(int code);

private:
  World(std::shared_ptr<Mail> mail, const WorldOptions &options);
  Status meet(const WorldOptions &options);

  std::shared_ptr<Mail> mail;
  std::chrono::milliseconds deadline;
  Algorithm algorithm = Algorithm::automatic;
  std::unique_ptr<Communicator> everyone;
  Status alikeStatus;
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_WORLD_H
