//===- EvaluateRanks.cpp - Reference evaluation of all ranks --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each rank has a thread, of which one runs at a time: a context need not be made for
// several, and what happens does not depend on the machine.
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/EvaluateRanks.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

using namespace plait;
using namespace mlir;

namespace {

/// Where ranks meet. All is done under `mutex`, which a rank gives away only to wait.
class MeetingPlace {
public:
  explicit MeetingPlace(size_t size) : places(size), running(size) {}

  FailureOr<std::vector<EvalValue>> meet(int64_t rank, Operation *op, ArrayRef<int64_t> members, const EvalValue &own) {
    Place &place = places[size_t(rank)];
    place = {op, SmallVector<int64_t>(members), own, {}, false};
    for (int64_t member : members)
      if (Operation *other = places[size_t(member)].op; !other || places[size_t(member)].members != place.members)
        return wait(rank);
    for (int64_t member : members)
      if (Operation *other = places[size_t(member)].op; other->getName() != op->getName()) {
        auto error = op->emitOpError("of rank ") << rank << " meets '" << other->getName() << "' of rank " << member;
        error.attachNote(other->getLoc()) << "which is here";
        return fail();
      }
    std::vector<EvalValue> values;
    for (int64_t member : members)
      values.push_back(places[size_t(member)].own);
    for (int64_t member : members) {
      places[size_t(member)].all = values;
      if (member != rank) // which has not waited
        release(member);
    }
    return take(rank);
  }

  LogicalResult send(int64_t from, int64_t to, const EvalValue &value) {
    sent[{from, to}].push_back(value);
    if (places[size_t(to)].from == from)
      release(to);
    return failure(hasFailed);
  }

  FailureOr<EvalValue> receive(int64_t rank, Operation *op, int64_t from) {
    std::deque<EvalValue> &queue = sent[{from, rank}];
    if (queue.empty()) {
      places[size_t(rank)] = {op, {rank}, {}, {}, false, from};
      if (failed(wait(rank)))
        return failure();
    }
    EvalValue value = queue.front();
    queue.pop_front();
    return value;
  }

  /// Of a rank's thread, from when it runs to when it ends.
  std::unique_lock<std::mutex> begin() { return std::unique_lock<std::mutex>(mutex); }
  void end(bool succeeded) {
    if (!succeeded)
      (void)fail();
    stopRunning();
  }

private:
  struct Place {
    Operation *op = nullptr; ///< at which it waits
    SmallVector<int64_t> members;
    EvalValue own;
    std::vector<EvalValue> all;
    bool isReleased = false;
    int64_t from = -1; ///< of whom it waits for a message
  };

  FailureOr<std::vector<EvalValue>> take(int64_t rank) {
    Place place = std::exchange(places[size_t(rank)], {});
    if (hasFailed)
      return failure();
    return std::move(place.all);
  }

  FailureOr<std::vector<EvalValue>> wait(int64_t rank) {
    stopRunning();
    // The lock is the caller's (begin), which is one of this mutex.
    std::unique_lock<std::mutex> lock(mutex, std::adopt_lock);
    changed.wait(lock, [&] { return places[size_t(rank)].isReleased || hasFailed; });
    lock.release();
    if (!places[size_t(rank)].isReleased)
      ++running;
    return take(rank);
  }

  void release(int64_t rank) {
    Place &place = places[size_t(rank)];
    running += !place.isReleased;
    place.isReleased = true;
    place.op = nullptr;
    changed.notify_all();
  }

  /// One rank less can go on; if none can, all have failed.
  void stopRunning() {
    if (--running > 0 || hasFailed)
      return;
    for (auto [rank, place] : llvm::enumerate(places))
      if (place.op) {
        place.op->emitOpError("of rank ") << rank << " waits for ranks that do not come";
        (void)fail();
        return;
      }
  }

  LogicalResult fail() {
    hasFailed = true;
    changed.notify_all();
    return failure();
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Place> places;
  int64_t running; ///< ranks that neither wait nor have ended
  bool hasFailed = false;
  std::map<std::pair<int64_t, int64_t>, std::deque<EvalValue>> sent;
};

/// The others as one rank sees them.
class OtherRanks : public RankExchange {
public:
  OtherRanks(MeetingPlace &place, int64_t rank) : place(place), rank(rank) {}
  FailureOr<std::vector<EvalValue>> meet(Operation *op, ArrayRef<int64_t> members, const EvalValue &own) override {
    return place.meet(rank, op, members, own);
  }
  LogicalResult send(Operation *, int64_t to, const EvalValue &value) override { return place.send(rank, to, value); }
  FailureOr<EvalValue> receive(Operation *op, int64_t from) override { return place.receive(rank, op, from); }

private:
  MeetingPlace &place;
  int64_t rank;
};

} // namespace

FailureOr<std::vector<std::vector<EvalValue>>>
plait::evaluateRanks(ArrayRef<Block *> blocks, std::vector<std::vector<EvalValue>> arguments, WeightSource &weights) {
  MeetingPlace place(blocks.size());
  std::vector<FailureOr<std::vector<EvalValue>>> results(blocks.size(), failure());
  std::vector<std::thread> threads;
  for (size_t rank = 0; rank < blocks.size(); ++rank)
    threads.emplace_back([&, rank] {
      auto lock = place.begin();
      OtherRanks others(place, int64_t(rank));
      ReferenceEvaluator evaluator(weights, &others);
      results[rank] = evaluator.runBlock(*blocks[rank], std::move(arguments[rank]));
      place.end(succeeded(results[rank]));
    });
  for (std::thread &thread : threads)
    thread.join();
  std::vector<std::vector<EvalValue>> all;
  for (auto &result : results) {
    if (failed(result))
      return failure();
    all.push_back(std::move(*result));
  }
  return all;
}
