//===- Machine.h - What times of events are predicted from ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The constants of a machine (machines/*.json, docs/overlap.md), and what an event takes if it
// runs by itself. With no more than a peak, a bandwidth and a launch of each device and one link
// these are the formulas of plait/Cost/StepTime.h and plait/Cost/CollectiveTime.h.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TIMELINE_MACHINE_H
#define PLAIT_TIMELINE_MACHINE_H

#include "plait/Timeline/EventList.h"

#include "runtime/base/Json.h"

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plait::timeline {

/// A function that is known at some places, in between linear, and outside as at the ends.
struct Curve {
  std::vector<std::pair<double, double>> points; ///< in increasing order
  double at(double x) const;
};

struct Device {
  double bandwidth = 0; ///< bytes per second of its memory
  std::map<std::string, double> peaks;
  double launch = 0; ///< seconds
  /// Operations per second on elements of a type; those of f32 if the type is not there.
  double getPeakOf(const std::string &element) const;
};

enum class LinkKind {
  sharedMemory, ///< exchanges are done by the units that compute
  crossbar,
  pcie,
  network,
  ring ///< between neighbours: n - 1 steps, each with the latency
};

/// What an exchange by its own kernel takes: latency + bytes of the whole matrix over the bandwidth,
/// with `ranks` ranks. `units`: the fraction of the bandwidth that so many units of computation reach.
struct ExchangeRate {
  double latency = 0, bandwidth = 0;
  int defaultUnits = 0;
  Curve units;
};

/// What is known of an algorithm of sums: seconds as of an ExchangeRate (`bandwidth` 0: not known), and bytes of a
/// matrix up to which it is the one to take, by ranks.
struct AlgorithmRate {
  double latency = 0, bandwidth = 0;
  Curve mostBytes;
};

struct Link {
  LinkKind kind = LinkKind::sharedMemory;
  double bandwidth = 0, latency = 0;
  bool multicast = false;                          ///< a switch adds up and distributes
  int measuredRanks = 0;                           ///< that the rates are of
  std::map<std::string, ExchangeRate> rates;       ///< measured: of all_reduce, reduce_scatter, all_gather, fused
  std::map<std::string, AlgorithmRate> algorithms; ///< by name ("one_shot")
};

struct Machine {
  std::string name, title;
  std::vector<Device> devices; ///< of each rank; of one only: all are alike
  Link link;                   ///< joins all ranks

  int units = 1;            ///< of computation that a device can share out: SMs, threads
  Curve productRate;        ///< operations per second of a product, by rows; none: the peak
  int rowTile = 1;          ///< rows of a product are rounded up to a multiple
  double attentionRate = 0; ///< operations per second; 0: the peak
  int attentionRows = 1;    ///< tokens of a sequence for which keys and values are read once
  double sustained = 1;     ///< of these rates what is left in a whole step
  double stall = 0;         ///< of a device's units those that stand still while it exchanges
  double sync = 0; ///< seconds before an event that waits for the other stream, in a step whose tokens are split
  double activationScale = 1;               ///< bytes of an activation over those of f32
  double step = 0, sequence = 0, token = 0; ///< seconds of the host per step, sequence and token
  double error = 0.05;                      ///< relative, of a predicted gain

  const Device &getDevice(int rank) const { return devices.size() == 1 ? devices[0] : devices[size_t(rank)]; }

  /// Seconds of an event's work on one of its ranks, of all its tokens, without launches.
  double getComputeSeconds(const Event &event, int rank) const;

  /// An exchange as a fixed time, and one that the link is used for.
  struct Exchange {
    double latency = 0, transfer = 0;
    int units = 0; ///< of computation, on each rank
  };
  Exchange getExchange(const Event &event) const;

  double getHostSeconds(const Extents &extents) const {
    return step + sequence * extents.rows + token * extents.tokens;
  }
};

/// Reads a machine table. Errors begin with the place in the file.
Expected<Machine> parseMachine(const Json &json, const std::string &source);
/// The same table again; all constants come from `source`.
Json writeMachine(const Machine &machine, const std::string &source);
/// One of those that are part of the program (machines/NAME.json), or the file of that name if
/// `nameOrPath` has a dot.
Expected<Machine> loadMachine(const std::string &nameOrPath);

struct EmbeddedMachine {
  std::string_view name, text;
};
const std::vector<EmbeddedMachine> &embeddedMachines();

} // namespace plait::timeline

#endif // PLAIT_TIMELINE_MACHINE_H
