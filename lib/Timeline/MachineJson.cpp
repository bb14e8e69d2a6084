//===- MachineJson.cpp - Machine tables as JSON ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every constant is {"value": NUMBER, "source": TEXT}, a curve {"points": [[x, y], ...], "source":
// TEXT}: a number that nobody can trace is none. docs/overlap.md says what each is.
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Algorithms.h"

using namespace plait;
using namespace plait::timeline;

namespace {

constexpr std::pair<const char *, LinkKind> kLinkKinds[] = {{"shared_memory", LinkKind::sharedMemory},
                                                            {"switch", LinkKind::crossbar},
                                                            {"pcie", LinkKind::pcie},
                                                            {"network", LinkKind::network},
                                                            {"ring", LinkKind::ring}};

/// Constants of the whole machine that may be absent.
constexpr std::pair<const char *, double Machine::*> kConstants[] = {{"attention_rate", &Machine::attentionRate},
                                                                     {"sustained", &Machine::sustained},
                                                                     {"stall", &Machine::stall},
                                                                     {"sync", &Machine::sync},
                                                                     {"step", &Machine::step},
                                                                     {"sequence", &Machine::sequence},
                                                                     {"token", &Machine::token},
                                                                     {"error", &Machine::error},
                                                                     {"activation_scale", &Machine::activationScale}};

Status checkSource(const JsonView &constant) {
  PLAIT_ASSIGN_OR_RETURN(std::string source, constant.getString("source"));
  if (source.empty())
    return constant.get("source")->error("where the number comes from");
  return Status::success();
}

/// A constant of at least `least`.
Expected<double> readConstant(const JsonView &parent, const char *key, double least) {
  PLAIT_ASSIGN_OR_RETURN(JsonView constant, parent.get(key));
  PLAIT_RETURN_IF_ERROR(checkSource(constant));
  PLAIT_ASSIGN_OR_RETURN(double value, constant.getDouble("value"));
  if (!(value >= least && value <= 1e30))
    return constant.get("value")->error(least > 0 ? "a positive number" : "a number that is not negative");
  return value;
}

constexpr double kPositive = 1e-30;

Status readOptional(const JsonView &parent, const char *key, double least, double &value) {
  if (!parent.has(key))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(value, readConstant(parent, key, least));
  return Status::success();
}

Status readOptional(const JsonView &parent, const char *key, int &value) {
  double number = value;
  PLAIT_RETURN_IF_ERROR(readOptional(parent, key, 1, number));
  if (number > 1e6 || number != int(number))
    return parent.get(key)->error("an integer from 1 to 1000000");
  value = int(number);
  return Status::success();
}

Status readOptional(const JsonView &parent, const char *key, Curve &curve) {
  if (!parent.has(key))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(JsonView view, parent.get(key));
  PLAIT_RETURN_IF_ERROR(checkSource(view));
  PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get("points"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> points, list.asArray());
  for (const JsonView &point : points) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> pair, point.asArray());
    if (pair.size() != 2)
      return point.error("a place and a value");
    PLAIT_ASSIGN_OR_RETURN(double x, pair[0].asDouble());
    PLAIT_ASSIGN_OR_RETURN(double y, pair[1].asDouble());
    if (!(y > 0) || (!curve.points.empty() && !(x > curve.points.back().first)))
      return point.error("places in increasing order, with positive values");
    curve.points.emplace_back(x, y);
  }
  if (points.empty())
    return list.error("at least one point");
  return Status::success();
}

Expected<Device> readDevice(const JsonView &view) {
  Device device;
  PLAIT_ASSIGN_OR_RETURN(device.bandwidth, readConstant(view, "bandwidth", kPositive));
  PLAIT_ASSIGN_OR_RETURN(device.launch, readConstant(view, "launch", 0));
  PLAIT_ASSIGN_OR_RETURN(JsonView peaks, view.get("peaks"));
  PLAIT_ASSIGN_OR_RETURN(auto members, peaks.asObject());
  for (const auto &[element, unused] : members) {
    PLAIT_ASSIGN_OR_RETURN(device.peaks[element], readConstant(peaks, element.c_str(), kPositive));
  }
  if (!device.peaks.count("f32"))
    return peaks.error("a peak of f32");
  return device;
}

Expected<ExchangeRate> readRate(const JsonView &view) {
  ExchangeRate rate;
  PLAIT_ASSIGN_OR_RETURN(rate.latency, readConstant(view, "latency", 0));
  PLAIT_ASSIGN_OR_RETURN(rate.bandwidth, readConstant(view, "bandwidth", kPositive));
  PLAIT_RETURN_IF_ERROR(readOptional(view, "default_units", rate.defaultUnits));
  PLAIT_RETURN_IF_ERROR(readOptional(view, "units", rate.units));
  return rate;
}

Expected<AlgorithmRate> readAlgorithm(const JsonView &view) {
  AlgorithmRate rate;
  if (view.has("bandwidth")) {
    PLAIT_ASSIGN_OR_RETURN(rate.bandwidth, readConstant(view, "bandwidth", kPositive));
    PLAIT_ASSIGN_OR_RETURN(rate.latency, readConstant(view, "latency", 0));
  }
  PLAIT_RETURN_IF_ERROR(readOptional(view, "most_bytes", rate.mostBytes));
  if (rate.bandwidth == 0 && rate.mostBytes.points.empty())
    return view.error("latency and bandwidth, most_bytes, or both");
  return rate;
}

Status readAlgorithms(const JsonView &view, Link &link) {
  PLAIT_ASSIGN_OR_RETURN(link.multicast, view.getBool("multicast", false));
  if (!view.has("algorithms"))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(int64_t ranks, view.getInt("measured_ranks", 2, 1 << 16));
  link.measuredRanks = int(ranks);
  PLAIT_ASSIGN_OR_RETURN(JsonView algorithms, view.get("algorithms"));
  PLAIT_ASSIGN_OR_RETURN(auto members, algorithms.asObject());
  for (const auto &[name, rate] : members) {
    bool isKnown = false;
    for (int i = 0; i < kSumAlgorithms; ++i)
      isKnown |= name == getName(SumAlgorithm(i));
    if (!isKnown)
      return rate.error("an algorithm: one_shot, two_shot, ring, multimem or lamport");
    PLAIT_ASSIGN_OR_RETURN(link.algorithms[name], readAlgorithm(rate));
  }
  return Status::success();
}

Expected<Link> readLink(const JsonView &view) {
  Link link;
  PLAIT_ASSIGN_OR_RETURN(std::string kind, view.getString("kind"));
  bool isKnown = false;
  for (auto [name, value] : kLinkKinds)
    if (kind == name) {
      link.kind = value;
      isKnown = true;
    }
  if (!isKnown)
    return view.get("kind")->error("shared_memory, switch, pcie, network or ring");
  PLAIT_ASSIGN_OR_RETURN(link.bandwidth, readConstant(view, "bandwidth", kPositive));
  PLAIT_ASSIGN_OR_RETURN(link.latency, readConstant(view, "latency", 0));
  PLAIT_RETURN_IF_ERROR(readAlgorithms(view, link));
  if (!view.has("rates"))
    return link;
  PLAIT_ASSIGN_OR_RETURN(int64_t ranks, view.getInt("measured_ranks", 2, 1 << 16));
  link.measuredRanks = int(ranks);
  PLAIT_ASSIGN_OR_RETURN(JsonView rates, view.get("rates"));
  PLAIT_ASSIGN_OR_RETURN(auto members, rates.asObject());
  for (const auto &[name, rate] : members) {
    if (name != "all_reduce" && name != "reduce_scatter" && name != "all_gather" && name != "fused")
      return rate.error("a rate of all_reduce, reduce_scatter, all_gather or fused");
    PLAIT_ASSIGN_OR_RETURN(link.rates[name], readRate(rate));
  }
  return link;
}

} // namespace

Expected<Machine> timeline::parseMachine(const Json &json, const std::string &source) {
  JsonView root(json, source);
  PLAIT_ASSIGN_OR_RETURN(int64_t schema, root.getInt("schema"));
  if (schema != 1)
    return unsupported(root.get("schema")->error("1, the one that this version reads").message());
  Machine machine;
  PLAIT_ASSIGN_OR_RETURN(machine.name, root.getString("name"));
  PLAIT_ASSIGN_OR_RETURN(machine.title, root.getString("title"));
  PLAIT_ASSIGN_OR_RETURN(JsonView list, root.get("devices"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> devices, list.asArray());
  for (const JsonView &view : devices) {
    PLAIT_ASSIGN_OR_RETURN(Device device, readDevice(view));
    machine.devices.push_back(std::move(device));
  }
  if (devices.empty())
    return list.error("at least one device");
  PLAIT_ASSIGN_OR_RETURN(JsonView link, root.get("link"));
  PLAIT_ASSIGN_OR_RETURN(machine.link, readLink(link));
  PLAIT_RETURN_IF_ERROR(readOptional(root, "units", machine.units));
  PLAIT_RETURN_IF_ERROR(readOptional(root, "row_tile", machine.rowTile));
  PLAIT_RETURN_IF_ERROR(readOptional(root, "attention_rows", machine.attentionRows));
  PLAIT_RETURN_IF_ERROR(readOptional(root, "product_rate", machine.productRate));
  for (auto [key, member] : kConstants)
    PLAIT_RETURN_IF_ERROR(readOptional(root, key, 0, machine.*member));
  if (machine.sustained <= 0 || machine.activationScale <= 0 || machine.stall >= 1)
    return root.error("sustained and activation_scale above 0, and a stall below 1");
  return machine;
}

Json timeline::writeMachine(const Machine &machine, const std::string &source) {
  auto constant = [&](double value) { return Json{{"value", value}, {"source", source}}; };
  auto curve = [&](const Curve &curve) {
    Json points = Json::array();
    for (auto [x, y] : curve.points)
      points.push_back({x, y});
    return Json{{"points", points}, {"source", source}};
  };
  Json json = {{"schema", 1}, {"name", machine.name}, {"title", machine.title}, {"devices", Json::array()}};
  for (const Device &device : machine.devices) {
    Json peaks = Json::object();
    for (const auto &[element, peak] : device.peaks)
      peaks[element] = constant(peak);
    json["devices"].push_back(
        {{"bandwidth", constant(device.bandwidth)}, {"peaks", peaks}, {"launch", constant(device.launch)}});
  }
  json["units"] = constant(machine.units);
  json["row_tile"] = constant(machine.rowTile);
  json["attention_rows"] = constant(machine.attentionRows);
  if (!machine.productRate.points.empty())
    json["product_rate"] = curve(machine.productRate);
  for (auto [key, member] : kConstants)
    json[key] = constant(machine.*member);
  const Link &link = machine.link;
  for (auto [name, kind] : kLinkKinds)
    if (kind == link.kind)
      json["link"]["kind"] = name;
  json["link"]["bandwidth"] = constant(link.bandwidth);
  json["link"]["latency"] = constant(link.latency);
  for (const auto &[name, rate] : link.rates) {
    json["link"]["measured_ranks"] = link.measuredRanks;
    Json entry = {{"latency", constant(rate.latency)}, {"bandwidth", constant(rate.bandwidth)}};
    if (rate.defaultUnits > 0)
      entry["default_units"] = constant(rate.defaultUnits);
    if (!rate.units.points.empty())
      entry["units"] = curve(rate.units);
    json["link"]["rates"][name] = entry;
  }
  if (link.multicast)
    json["link"]["multicast"] = true;
  for (const auto &[name, rate] : link.algorithms) {
    json["link"]["measured_ranks"] = link.measuredRanks;
    Json entry = Json::object();
    if (rate.bandwidth > 0)
      entry = {{"latency", constant(rate.latency)}, {"bandwidth", constant(rate.bandwidth)}};
    if (!rate.mostBytes.points.empty())
      entry["most_bytes"] = curve(rate.mostBytes);
    json["link"]["algorithms"][name] = entry;
  }
  return json;
}

Expected<Machine> timeline::loadMachine(const std::string &nameOrPath) {
  if (nameOrPath.find('.') != std::string::npos) {
    PLAIT_ASSIGN_OR_RETURN(Json json, readJsonFile(nameOrPath));
    return parseMachine(json, nameOrPath);
  }
  std::string known;
  for (const EmbeddedMachine &machine : embeddedMachines()) {
    if (machine.name == nameOrPath) {
      PLAIT_ASSIGN_OR_RETURN(Json json, parseJson(machine.text, nameOrPath + ".json"));
      return parseMachine(json, nameOrPath + ".json");
    }
    known += (known.empty() ? "" : ", ") + std::string(machine.name);
  }
  return notFound("found no machine \"" + nameOrPath + "\"; expected one of " + known + ", or a file NAME.json");
}
