//===- CompileOptions.cpp - How a model is compiled --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/CompileOptions.h"

#include "runtime/comm/LocalGroup.h"
#include "runtime/base/Mesh.h"
#include "tools/plait/Arguments.h"

#include <unistd.h>

using namespace plait;

void plait::addCompileOptions(CLI::App &command, CompileOptions &options) {
  command.add_option("--weights", options.weights,
                     "of a model to compile: checkpoint (default), random[:SEED] or none");
  command.add_option("--dtype", options.dtype, "of a model to compile: as of plait-compile");
  command.add_option("--head-dtype", options.headDtype, "of a model to compile: as of plait-compile");
  command.add_option("--group", options.group, "of a model to compile: as of plait-compile");
  command.add_flag("--zero-points", options.zeroPoints, "of a model to compile: as of plait-compile");
  command.add_option("--kv-dtype", options.kvDtype,
                     "of a model to compile: keys and values as f32 (default), bf16 or int8");
  command.add_option("--tp", options.tp,
                     "of a model to compile: processes among which each layer is divided (default 1)");
  command.add_flag("--sequence-parallel", options.sequenceParallel, "of a model to compile: as of plait-compile");
  command.add_option("--overlap", options.overlap,
                     "of a model to compile for several processes: auto (default), on or off: compute what follows a "
                     "sum over them within it, the text is the same");
  command.add_option(
      "--wire-dtype", options.wireDtype,
      "of a model to compile for several processes: sums over them are sent as f32 (default) or, rounded, "
      "as bf16");
  command.add_option("--mesh", options.mesh,
                     "of a model to compile: replicas, and processes of each: dp=2,tp=2 (--tp N is --mesh tp=N); or "
                     "those of each phase: \"prefill: tp=1; decode: tp=2\"");
  command.add_option("--machine", options.machine,
                     "of a model to compile for several processes: a file with a par.machine, for which is decided "
                     "what is divided");
  command
      .add_option("--shard", options.shards,
                  "of a model to compile for several processes: WEIGHT=whole, rows, columns or rows:0-96,96-192 "
                  "(repeatable)")
      ->allow_extra_args(false);
  command.add_option("--numerics", options.numerics,
                     "of a model to compile: row_invariant (default); tp_invariant: the same bits for every --tp; or "
                     "fast: rounded inputs where they are faster, and sums of ranks in any order");
  command.add_option("--emulate-link", options.emulateLink,
                     "of a model of several processes: a link such as latency=2ms,bandwidth=1Gbit between them");
}

void plait::addDecodeOption(CLI::App &command, CompileOptions &options) {
  command
      .add_option("--decode", options.decode,
                  "draft tokens by a strategy such as \"prompt_lookup(k=4)\", the text is the same; repeat it to "
                  "compile several, the first one runs")
      ->allow_extra_args(false);
  command.add_option("--draft-tp", options.draftTp,
                     "of a model to compile for several processes: of them, those among which draft models are "
                     "divided (default 1)");
  command.add_option("--heads", options.heads,
                     "of a model to compile: a folder with heads for strategies such as medusa (default: the model's)");
}

std::string plait::meshOf(const CompileOptions &options) {
  if (!options.tp.empty())
    return "tp=" + options.tp;
  Expected<Mesh> mesh = parseMesh(options.mesh);
  return mesh ? meshText(*mesh) : "tp=1";
}

static bool isWeightsSpec(const std::string &text) {
  constexpr std::string_view prefix = "random:";
  if (text.starts_with(prefix))
    return parseSeed("--weights", text.substr(prefix.size())).ok();
  return text.empty() || text == "checkpoint" || text == "none" || text == "random";
}

Status plait::checkCompileOptions(const CompileOptions &options) {
  if (!isWeightsSpec(options.weights))
    return wrongValue("--weights", options.weights, "checkpoint, random, random:SEED or none");
  PLAIT_ASSIGN_OR_RETURN(std::vector<std::string> dtypes, parseNameList("--dtype", options.dtype));
  for (const std::string &dtype : dtypes)
    if (dtype != "auto" && dtype != "stored" && dtype != "f32" && dtype != "bf16" && dtype != "int8" && dtype != "int4")
      return wrongValue("--dtype", dtype, "auto, stored, f32, bf16, int8 or int4");
  const std::string &head = options.headDtype;
  if (!head.empty() && head != "auto" && head != "f32" && head != "bf16" && head != "int8" && head != "int4")
    return wrongValue("--head-dtype", head, "auto, f32, bf16, int8 or int4");
  const std::string &kv = options.kvDtype;
  if (!kv.empty() && kv != "f32" && kv != "bf16" && kv != "int8")
    return wrongValue("--kv-dtype", kv, "f32, bf16 or int8");
  const std::string &numerics = options.numerics;
  if (!numerics.empty() && numerics != "row_invariant" && numerics != "tp_invariant" && numerics != "fast")
    return wrongValue("--numerics", numerics, "row_invariant, tp_invariant or fast");
  const std::string &overlap = options.overlap;
  if (!overlap.empty() && overlap != "auto" && overlap != "on" && overlap != "off")
    return wrongValue("--overlap", overlap, "auto, on or off");
  if (const std::string &wire = options.wireDtype; !wire.empty() && wire != "f32" && wire != "bf16")
    return wrongValue("--wire-dtype", wire, "f32 or bf16");
  if (!options.tp.empty())
    PLAIT_RETURN_IF_ERROR(parseInteger("--tp", options.tp, 1, kMostRanks).status());
  if (!options.draftTp.empty())
    PLAIT_RETURN_IF_ERROR(parseInteger("--draft-tp", options.draftTp, 1, kMostRanks).status());
  if (!options.mesh.empty())
    PLAIT_RETURN_IF_ERROR(parseMesh(options.mesh).status());
  if (!options.mesh.empty() && !options.tp.empty())
    return invalidArgument("--mesh: found it with --tp; expected one of them, as --tp N is --mesh tp=N");
  if (!options.machine.empty() && access(options.machine.c_str(), R_OK) != 0)
    return wrongValue("--machine", options.machine, "the path of a file with a par.machine");
  auto hasFile = [&](const char *file) {
    return access((options.heads + "/" + file + ".safetensors").c_str(), R_OK) == 0;
  };
  if (!options.heads.empty() && !hasFile("medusa_lm_head") && !hasFile("clover") && !hasFile("mtp") &&
      !hasFile("prompt_tokens"))
    return wrongValue("--heads", options.heads,
                      "a folder with medusa_lm_head.safetensors, clover.safetensors, mtp.safetensors or "
                      "prompt_tokens.safetensors");
  for (const std::string &call : options.decode)
    if (call.find_first_not_of(" \t") == std::string::npos)
      return wrongValue("--decode", call, "a strategy such as \"prompt_lookup(k=4)\"");
  if (!options.emulateLink.empty())
    return parseEmulatedLink(options.emulateLink).status().withContext("--emulate-link");
  return Status::success();
}
