//===- AgreeOnExchanges.cpp - Whether ranks exchange from GPU to GPU ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/StreamExchanges.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <optional>

using namespace plait;
using namespace plait::cuda;

namespace {

enum class Wish : uint8_t { either, host, nccl };

std::optional<Wish> wishOf(const std::string &text) {
  if (text.empty() || text == "auto")
    return Wish::either;
  if (text == "host")
    return Wish::host;
  if (text == "nccl")
    return Wish::nccl;
  return std::nullopt;
}

/// What a rank says of itself.
struct Ability {
  Wish wish = Wish::either;
  uint8_t reserved[3] = {};
  int32_t version = 0; ///< of NCCL; 0: it cannot be used
  std::array<uint8_t, 16> gpu{};
  char why[1000] = {}; ///< it cannot be used

  void refuse(const std::string &reason) {
    version = 0;
    std::strncpy(why, reason.c_str(), sizeof(why) - 1);
  }
};

Expected<std::vector<Ability>> exchangeAbilities(Communicator &ranks, const Ability &own) {
  std::vector<Ability> all{size_t(ranks.size())};
  std::vector<size_t> sizes(all.size(), sizeof(Ability));
  PLAIT_RETURN_IF_ERROR(ranks.allGather({reinterpret_cast<const uint8_t *>(&own), sizeof(own)},
                                        {reinterpret_cast<uint8_t *>(all.data()), all.size() * sizeof(Ability)}, sizes,
                                        "how GPUs exchange"));
  return all;
}

/// Why these ranks cannot use NCCL; empty if they can.
std::string whyNot(const std::vector<Ability> &all) {
  auto rank = [&](const Ability &of) { return "rank " + std::to_string(&of - all.data()); };
  for (const Ability &own : all)
    if (!own.version)
      return rank(own) + ": " + own.why;
  for (const Ability &own : all)
    for (const Ability &other : all) {
      if (&own < &other && own.gpu == other.gpu)
        return "found " + rank(own) + " and " + rank(other) + " on one GPU; expected one for each";
      if (own.version != other.version)
        return "found NCCL " + Nccl::nameOf(own.version) + " on " + rank(own) + " and " + Nccl::nameOf(other.version) +
               " on " + rank(other) + "; expected one version";
    }
  return "";
}

} // namespace

Status StreamExchanges::join() {
  PLAIT_ASSIGN_OR_RETURN(all, NcclGroup::join(nccl, *communicators.all, *communicators.all));
  parts.resize(communicators.groups.size());
  for (size_t i = 0; i < parts.size(); ++i)
    if (Communicator *group = communicators.groups[i]) {
      PLAIT_ASSIGN_OR_RETURN(parts[i], NcclGroup::join(nccl, *group, *communicators.all));
    }
  return Status::success();
}

Expected<std::unique_ptr<StreamExchanges>> StreamExchanges::agree(std::shared_ptr<const Gpu> gpu,
                                                                  const plait_model_v4_t &model,
                                                                  const RankCommunicators &communicators,
                                                                  std::string &why) {
  constexpr const char *kVariable = "PLAIT_GPU_EXCHANGE";
  const char *text = std::getenv(kVariable);
  std::string wanted = text ? text : "";
  std::optional<Wish> wish = wishOf(wanted);
  Communicator &ranks = *communicators.all;
  Ability own;
  std::shared_ptr<const Nccl> nccl;
  own.wish = wish.value_or(Wish::nccl);
  if (!wish) {
    own.refuse(std::string(kVariable) + ": found '" + wanted + "'; expected auto, host or nccl");
  } else if (*wish != Wish::host) {
    auto loaded = Nccl::load();
    auto number = gpu->uuid();
    if (!loaded) {
      own.refuse(loaded.status().message());
    } else if (!number) {
      own.refuse(number.status().message());
    } else if (*wish == Wish::either && !ranks.canBePassed()) {
      own.refuse("found ranks that are told of each other's loss by what carries their messages, or a link that is "
                 "emulated; expected ranks of one machine");
    } else {
      nccl = *loaded;
      own.version = nccl->version();
      own.gpu = *number;
    }
  }
  PLAIT_ASSIGN_OR_RETURN(std::vector<Ability> all, exchangeAbilities(ranks, own));
  auto anyWants = [&](Wish one) {
    return std::any_of(all.begin(), all.end(), [&](const Ability &of) { return of.wish == one; });
  };
  bool isForced = anyWants(Wish::nccl);
  if (anyWants(Wish::host) && !isForced) {
    why = std::string(kVariable) + " is host";
    return std::unique_ptr<StreamExchanges>();
  }
  auto refuse = [&](const std::string &reason) -> Expected<std::unique_ptr<StreamExchanges>> {
    why = reason;
    if (!isForced)
      return std::unique_ptr<StreamExchanges>();
    return unsupported("exchange of GPUs: " + reason + "; " + kVariable +
                       " is nccl, which all ranks have to be able to use; with auto or host they exchange through "
                       "their hosts");
  };
  for (Ability &of : all)
    if (of.wish == Wish::host)
      of.refuse(std::string(kVariable) + " is host there");
  if (std::string reason = whyNot(all); !reason.empty())
    return refuse(reason);
  std::unique_ptr<StreamExchanges> exchanges(new StreamExchanges(std::move(gpu), model, communicators, nccl));
  Status joined = exchanges->join();
  if (!joined)
    own.refuse(joined.message());
  PLAIT_ASSIGN_OR_RETURN(all, exchangeAbilities(ranks, own));
  if (std::string reason = whyNot(all); !reason.empty()) {
    if (exchanges->all)
      exchanges->all->abort();
    for (std::unique_ptr<NcclGroup> &part : exchanges->parts)
      if (part)
        part->abort();
    return refuse(reason);
  }
  return exchanges;
}
