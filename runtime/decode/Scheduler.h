//===- Scheduler.h - The step loop over many sequences ---------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_SCHEDULER_H
#define PLAIT_RUNTIME_DECODE_SCHEDULER_H

#include "runtime/core/PagePool.h"
#include "runtime/core/StepRunner.h"
#include "runtime/decode/Sequence.h"
#include "runtime/decode/StepCosts.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace plait {

/// What a sequence contributes to one step: `count` tokens from `first` on.
struct RowPlan {
  SequenceId id = 0;
  int64_t first = 0, count = 0;
  bool prompt = false; ///< a chunk of the prompt, else a decode row
};

struct SchedulerOptions {
  /// Most tokens of one prompt in one step; 0: as many as a step holds.
  int64_t chunk = 0;
  /// Called before each step with its rows; may drop and reorder them and lower
  /// the count of a prompt row. Tokens must not depend on what it does.
  std::function<void(std::vector<RowPlan> &)> planHook = nullptr;
  /// Seconds, by which steps are timed; null: those of the machine. Tokens do not depend on it.
  std::function<double()> clock = nullptr;
  /// The next id, of schedulers that number their sequences together.
  std::shared_ptr<std::atomic<SequenceId>> ids = nullptr;
};

/// A model that drafts for strategies, under the name that they have for it. It has pages
/// of its own, and the vocabulary of the model whose text is generated.
struct DraftModel {
  std::string name;
  std::shared_ptr<StepRunner> runner;
};

/// Which step of which model.
struct EngineStep {
  size_t engine = 0; ///< 0: the model; else a draft model, from 1
  int32_t step = 0;  ///< of its limits

  auto operator<=>(const EngineStep &) const = default;
};

/// A step between its beginning and its end.
struct PlannedStep {
  EngineStep kind;
  StepRunner *runner = nullptr; ///< that is to run it
  StepBatch batch;
  std::vector<RowPlan> rows; ///< none: there is nothing to run
  double begun = 0;          ///< seconds
};

/// Forms steps out of sequences that come and go. Decode rows come first, those that have
/// waited longest for one before others, then prompt chunks in order of arrival as far as
/// the step has room. A sequence joins once the pages of its longest course are free, so a
/// running one never has to make way. Of sequences with a strategy (`Request::strategy`) a row
/// holds what was drafted as well; one that has no room waits for the next step. A step is of
/// one model: the model, or one that drafts. `step` and `runAll` belong to one thread at a
/// time; all other functions may be called from any thread, and from callbacks.
class Scheduler {
public:
  Scheduler(std::shared_ptr<StepRunner> runner, SchedulerOptions options = {}, std::vector<DraftModel> drafts = {});
  ~Scheduler();
  Scheduler(const Scheduler &) = delete;
  Scheduler &operator=(const Scheduler &) = delete;

  /// Refuses what can never run (a token outside the vocabulary, a prompt that
  /// does not fit); lowers maxTokens to what fits and notes it in the result.
  /// Returns the id of completion 0; the others have the ids after it.
  Expected<SequenceId> add(Request request);
  /// A second sequence that goes on from where `parent` is, sharing its pages.
  /// The parent must have chosen a token and not have ended.
  Expected<SequenceId> fork(SequenceId parent, const Sampling &sampling);
  /// The sequence ends before its next token. False if there is none such.
  bool cancel(SequenceId id) { return endEarly(id, FinishReason::cancelled); }
  /// The same with FinishReason::stop: for a caller that has found a stop string.
  bool stop(SequenceId id) { return endEarly(id, FinishReason::stop); }
  void cancelAll();

  /// Runs one step. False if no sequence is left. An error concerns the
  /// instance; all sequences of the step have then ended with it.
  Expected<bool> step();
  /// The two halves of `step`, for a caller that runs the batch itself: the next step
  /// begins when this one has been finished.
  Status beginStep(PlannedStep &step);
  Status finishStep(const PlannedStep &step, Expected<StepResult> result);
  /// Steps until no sequence is left.
  Status runAll();

  // Of a replica that computes prompts for others, `Request::hold`; called by the thread
  // that steps.

  /// What has been computed of a prompt; nothing while it is not whole. Logits are handed
  /// over.
  std::optional<HeldPrompt> held(SequenceId id);
  bool isHeld(SequenceId id) const;

  // Of a replica that goes on from such prompts, `Request::promptElsewhere`. First the
  // request's prompt becomes `promptComputed`; then, once there is room for one of its
  // completions, that is the `nextArrival`, whose pages are filled between two steps; then
  // it has arrived, and other completions go on from it. A completion that comes when none
  // is there any more from which it could, is an arrival of its own.

  void promptComputed(SequenceId first, int64_t completions);
  /// Whether some completion may still become an arrival.
  bool awaitsPrompt(SequenceId first, int64_t completions) const;
  /// A sequence whose pages are to be filled, the same until it has arrived or ended. While
  /// they are, the scheduler must not begin a step. Ends and admits sequences as a step does.
  std::optional<Arrival> nextArrival();
  void promptArrived(SequenceId id, HeldPrompt prompt);
  /// Ends all completions that wait for the prompt, or this one, which was arriving.
  void promptFailed(SequenceId first, int64_t completions, const Status &status);

  /// The result of an ended sequence, handed over.
  Expected<SequenceResult> take(SequenceId id);

  /// The positions of the longest sequence that can run by itself.
  int64_t contextLimit() const;
  size_t waiting() const;
  size_t running() const;
  /// Of all page tables together.
  int64_t freePages() const;
  int64_t totalPages() const;
  int64_t steps() const;

private:
  using SequencePtr = std::unique_ptr<Sequence>;
  /// What to call back once the lock is released.
  struct Events {
    struct Token {
      std::function<void(const TokenEvent &)> callback;
      TokenEvent event;
    };
    struct Finish {
      std::function<void(SequenceResult)> callback;
      SequenceResult result;
    };
    std::vector<Token> tokens;
    std::vector<Finish> finishes;
  };
  /// A draft model with its pages.
  struct Draft {
    std::string name;
    std::shared_ptr<StepRunner> runner;
    std::vector<PagePool> pools;   ///< of each page table
    std::vector<int64_t> reserved; ///< pages of each promised to running sequences
  };
  /// What is left of a step that is being planned.
  struct StepRoom {
    int64_t tokens, rows, leaves;
  };

  Status formStep(PlannedStep &step);
  Status checkRequest(const Request &request, const SequenceEdits &edits) const;
  bool endEarly(SequenceId id, FinishReason reason);
  void limitTokens(Sequence &sequence) const;
  bool hasRoomFor(const std::vector<int64_t> &pages) const;
  void reserve(const std::vector<int64_t> &pages, int64_t sign);
  const Sequence *findSource(const Sequence &sequence) const;
  void goOnFrom(const Sequence &source, Sequence &sequence) const;
  void expectPrompt(Sequence &sequence);
  void leaveGroup(Sequence &sequence);
  void admit(Events &events);
  void keep(Sequence &sequence);
  void reserve(const KeptPrefix &prefix, int64_t sign);
  std::vector<KeptPrefix>::iterator findKept(const Sequence &sequence, int64_t &common);
  bool makeRoom(Sequence &sequence, const std::vector<int64_t> &needed, bool takeOver);
  void sweep(Events &events);
  std::vector<RowPlan> planRows(EngineStep kind) const;
  Status checkPlan(const PlannedStep &step) const;
  Status buildBatch(const std::vector<RowPlan> &rows, StepBatch &batch);
  void releaseBehindWindows(Sequence &sequence) const;
  void distribute(const std::vector<RowPlan> &rows, const StepResult &result, Events &events);
  void acceptLeaf(Sequence &sequence, const LeafResult &leaf, Events &events);
  void failRows(const std::vector<RowPlan> &rows, const Status &status);
  void finish(Sequence &sequence, FinishReason reason);
  Sequence *find(SequenceId id) const;
  void deliver(Events &events);

  // What strategies need of engines, SchedulerEngines.cpp. Engine 0 is the model, 1 the first
  // draft model.
  static constexpr size_t kNoEngine = SIZE_MAX;
  StepRunner &runnerOf(size_t engine) const { return engine ? *drafts[engine - 1].runner : *runner; }
  std::vector<PagePool> &poolsOf(size_t engine) { return engine ? drafts[engine - 1].pools : pools; }
  size_t findEngine(const std::string &name) const;
  int32_t findStep(size_t engine, const std::string &name) const;
  int64_t countTexts(const RoundProgram *program, size_t engine) const;
  int64_t ringOf(const StepLimits &limits, const TableLimits &table, const RoundProgram *program) const;
  int64_t contextFor(const RoundProgram *program) const;
  int64_t wholePagesFor(const Sequence &sequence, size_t engine) const;
  std::vector<int64_t> pagesFor(const Sequence &sequence, size_t engine = 0) const;
  bool draftsHaveRoomFor(const Sequence &sequence) const;
  void reserveDrafts(const Sequence &sequence, int64_t sign);
  Status checkStrategy(const Request &request, const SequenceEdits &edits) const;

  // Sequences with a strategy, SchedulerRounds.cpp.
  void beginCourses();
  void failCourse(Sequence &sequence);
  std::vector<const Sequence *> inTurn(bool prompts) const;
  EngineStep nextStep();
  std::optional<RowPlan> planForward(const Sequence &sequence, EngineStep kind, bool prompts,
                                     const StepRoom &room) const;
  bool isForwardRow(const Sequence &sequence, const RowPlan &row, EngineStep kind) const;
  static Status openPages(StepRunner &engine, std::vector<PageList> &lists, int64_t first, int64_t count, StepRow &row);
  static std::vector<PageList> &pagesOf(Sequence &sequence, int owner);
  Status buildForward(const RowPlan &plan, Sequence &sequence, StepBatch &batch);
  size_t supplyForward(const RowPlan &row, Sequence &sequence, std::span<const LeafResult> leaves);
  void collectMoves(Sequence &sequence);
  Status moveCells();
  bool acceptNext(Sequence &sequence, Events &events);
  void acceptChosen(const std::vector<RowPlan> &rows);
  void settle(Sequence &sequence);

  // What rounds cost, SchedulerPace.cpp.
  double now() const;
  StepCosts &costsOf(size_t engine, const std::string &step);
  const std::shared_ptr<Pace> &paceOf(const std::shared_ptr<const RoundProgram> &program);
  void countPaces();
  void noteTime(const PlannedStep &step);

  std::shared_ptr<StepRunner> runner;
  SchedulerOptions options;

  mutable std::mutex mutex;      ///< of everything below; free while a step runs
  std::vector<PagePool> pools;   ///< of each page table
  std::vector<int64_t> reserved; ///< pages of each promised to running sequences, or kept
  std::vector<Draft> drafts;
  std::map<EngineStep, StepCosts> costs;                      ///< of the steps of strategies that have run
  std::map<size_t, std::shared_ptr<StepCosts::Speed>> speeds; ///< of each engine's
  std::map<std::shared_ptr<const RoundProgram>, std::shared_ptr<Pace>> paces;
  std::vector<KeptPrefix> keptPrefixes; ///< the oldest first; they go before the pools
  std::map<SequenceId, SequencePtr> waitingSequences, runningSequences;
  std::map<SequenceId, SequenceResult> results;
  bool endRequested = false;
  int64_t stepCount = 0;
  EngineStep lastTurn;                      ///< of steps that are not drafts
  std::vector<std::vector<CellMove>> moves; ///< of each engine, before anything else happens to its pages
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_SCHEDULER_H
