//===- Replicas.cpp - The replicas of a model, to run steps on ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Replicas.h"

#include "runtime/core/CellMoves.h"
#include "runtime/core/Handover.h"
#include "runtime/core/Ranks.h"
#include "runtime/core/StepOutputs.h"

#include <cstring>
#include <exception>

using namespace plait;

namespace {

/// A replica that another process leads. It gets the inputs of a step as they were
/// packed here and sends its outputs back.
class RemoteReplica final : public StepRunner {
public:
  RemoteReplica(std::shared_ptr<const Instance> first, int64_t replica, std::shared_ptr<RankGroup> link)
      : first(std::move(first)), which(replica), link(std::move(link)), number(this->link->nextInstance()) {}
  ~RemoteReplica() override {
    std::lock_guard<std::mutex> lock(link->order());
    if (made)
      (void)link->tell(RankCommand::destroy, number); // a link that has failed leads to nobody
  }

  Status make(const InstanceOptions &options) {
    std::lock_guard<std::mutex> lock(link->order());
    PLAIT_RETURN_IF_ERROR(link->tell(RankCommand::create, number, packOptions(options, first->model().draft())));
    PLAIT_RETURN_IF_ERROR(link->agree(Status::success(), "create an instance"));
    made = true;
    return Status::success();
  }

  Expected<StepResult> run(StepBatch batch, StepProfile *) override {
    try {
      PLAIT_RETURN_IF_ERROR(checkBatch(batch, limits()));
      inputs.pack(batch, limits());
      bool returnsLogits = hasLogits() && batch.step == 0;
      outputs.prepare(inputs.dims(), returnsLogits ? limits().vocabulary : 0, limits().returnedHidden(batch.step));
      std::lock_guard<std::mutex> lock(link->order());
      PLAIT_RETURN_IF_ERROR(link->tell(RankCommand::step, number, inputs.serialize()));
      PLAIT_ASSIGN_OR_RETURN(std::vector<uint8_t> bytes, link->hear());
      PLAIT_RETURN_IF_ERROR(outputs.deserialize(bytes));
      return outputs.read(limits().vocabulary);
    } catch (const std::exception &error) {
      return resourceError(std::string("step: ") + error.what());
    }
  }

  Status copyPage(size_t table, int32_t from, int32_t to) override {
    PageCopyMessage message{int64_t(table), from, to};
    std::lock_guard<std::mutex> lock(link->order());
    return link->tell(RankCommand::copyPage, number, message.bytes());
  }

  Status moveCells(std::span<const CellMove> moves) override {
    std::lock_guard<std::mutex> lock(link->order());
    return link->tell(RankCommand::moveCells, number, bytesOfMoves(moves));
  }

  Status beginHandover(const HandoverMessage &message) override {
    RankCommand command = role() == ReplicaRole::prefill ? RankCommand::sendPages : RankCommand::receivePages;
    std::lock_guard<std::mutex> lock(link->order());
    return link->tell(command, number, message.serialize());
  }
  Expected<uint64_t> finishHandover() override {
    std::lock_guard<std::mutex> lock(link->order());
    PLAIT_ASSIGN_OR_RETURN(std::vector<uint8_t> outcome, link->hear());
    uint64_t bytes = 0;
    if (outcome.size() != sizeof(bytes))
      return internalError("ranks: found an outcome that is none; expected that of a handover");
    std::memcpy(&bytes, outcome.data(), sizeof(bytes));
    return bytes;
  }

  int64_t replica() const override { return which; }
  ReplicaRole role() const override { return model().mesh().roleOf(which); }
  const Model &model() const override { return first->model(); }
  const StepLimits &limits() const override { return first->limits(); }
  bool hasLogits() const override { return first->hasLogits(); }
  unsigned threads() const override { return first->threads(); }

private:
  std::shared_ptr<const Instance> first; ///< of replica 0, made with the same options
  const int64_t which;
  std::shared_ptr<RankGroup> link;
  const uint32_t number;
  bool made = false;
  StepInputs inputs;
  StepOutputs outputs;
};

} // namespace

Expected<std::vector<std::shared_ptr<StepRunner>>> plait::createReplicas(const std::shared_ptr<const Model> &model,
                                                                         const InstanceOptions &options, size_t count) {
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Instance> first, Instance::create(model, options));
  std::vector<std::shared_ptr<StepRunner>> replicas = {first};
  for (const std::shared_ptr<RankGroup> &link : model->links()) {
    if (replicas.size() == count)
      break;
    auto remote = std::make_shared<RemoteReplica>(first, int64_t(replicas.size()), link);
    PLAIT_RETURN_IF_ERROR(remote->make(options));
    replicas.push_back(std::move(remote));
  }
  return replicas;
}
