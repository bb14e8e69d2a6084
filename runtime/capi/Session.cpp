//===- Session.cpp - Sessions in the C API --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Session.h"

#include "runtime/core/Instance.h"
#include "runtime/core/Tables.h"

using namespace plait;
using namespace plait::capi;

static_assert(PLAIT_NOT_FINISHED == int(FinishReason::none) && PLAIT_FINISH_STOP == int(FinishReason::stop) &&
              PLAIT_FINISH_LENGTH == int(FinishReason::length) &&
              PLAIT_FINISH_CANCELLED == int(FinishReason::cancelled) && PLAIT_FINISH_ERROR == int(FinishReason::error));

namespace {

Expected<StopStrings> makeStopStrings(const plait_request &from) {
  if (from.stop_string_count)
    PLAIT_RETURN_IF_ERROR(require(from.stop_strings, "request: stop_strings"));
  std::vector<std::string> strings;
  for (size_t i = 0; i < from.stop_string_count; ++i) {
    PLAIT_RETURN_IF_ERROR(require(from.stop_strings[i], "request: stop_strings"));
    strings.emplace_back(from.stop_strings[i]);
  }
  return StopStrings::create(std::move(strings));
}

/// The request as the scheduler takes it, but for callbacks.
Expected<Request> makeRequest(const plait_model &model, const plait_request &from) {
  Request request;
  PLAIT_RETURN_IF_ERROR(checkMember(!from.text != !from.tokens, "request", from.text ? "text and tokens" : "no prompt",
                                    "either text or tokens"));
  PLAIT_RETURN_IF_ERROR(checkMember(!(from.flags & ~uint32_t(PLAIT_NO_BOS | PLAIT_PLAIN | PLAIT_IGNORE_EOS)),
                                    "request: flags", std::to_string(from.flags), "PLAIT_NO_BOS and the like"));
  if (from.stop_count)
    PLAIT_RETURN_IF_ERROR(require(from.stops, "request: stops"));
  if (from.text) {
    PLAIT_ASSIGN_OR_RETURN(request.prompt, encode(model, from.text, from.text_bytes, from.flags));
  } else {
    request.prompt.assign(from.tokens, from.tokens + from.token_count);
  }
  request.sampling = {from.temperature, from.top_k, from.top_p, from.min_p, from.seed, from.sequence};
  if (from.bias_count) {
    PLAIT_RETURN_IF_ERROR(require(from.bias_tokens, "request: bias_tokens"));
    PLAIT_RETURN_IF_ERROR(require(from.bias_values, "request: bias_values"));
  }
  request.rules = {from.repetition_penalty, from.presence_penalty, from.frequency_penalty};
  for (size_t i = 0; i < from.bias_count; ++i)
    request.rules.bias.emplace_back(from.bias_tokens[i], from.bias_values[i]);
  request.rules.minTokens = std::min(from.min_tokens, from.max_tokens);
  request.stops.assign(from.stops, from.stops + from.stop_count);
  request.ignoreEos = from.flags & PLAIT_IGNORE_EOS;
  request.maxTokens = from.max_tokens;
  return request;
}

plait_request defaultRequest(const Manifest &manifest) {
  plait_request request = {};
  request.struct_size = sizeof(request);
  request.text_bytes = PLAIT_NUL_TERMINATED;
  request.max_tokens = 128;
  request.temperature = manifest.temperature;
  request.top_p = manifest.topP > 0 ? manifest.topP : 1;
  request.min_p = manifest.minP;
  request.repetition_penalty = manifest.repetitionPenalty;
  request.min_tokens = manifest.minTokens;
  request.top_k = manifest.topK;
  return request;
}

plait_session_options defaultOptions() { return {sizeof(plait_session_options), 0, 1, 0, 512, nullptr, nullptr, 0}; }

Status submit(plait_session &session, const plait_request *from, uint64_t &sequence) {
  PLAIT_ASSIGN_OR_RETURN(plait_request known, readStruct(from, defaultRequest(session.model->manifest()), "request"));
  PLAIT_ASSIGN_OR_RETURN(Request request, makeRequest({session.model, session.tokenizer}, known));
  PLAIT_ASSIGN_OR_RETURN(StopStrings stops, makeStopStrings(known));
  auto record = std::make_shared<Record>();
  Expected<std::shared_ptr<Strategy>> strategy = session.strategies.find(known.strategy);
  if (!strategy)
    return strategy.status().withContext("request");
  record->strategy = strategy.take();
  request.strategy = record->strategy->program;
  if (session.tokenizer)
    record->text.emplace(*session.tokenizer, std::move(stops), request.rules.minTokens);
  else
    PLAIT_RETURN_IF_ERROR(
        checkMember(!known.stop_string_count, "request: stop_strings", "some", "none, as the model has no tokenizer"));
  request.onToken = [record, &scheduler = session.scheduler](const TokenEvent &event) {
    std::lock_guard<std::mutex> lock(record->mutex);
    record->pending.tokens.push_back(event.token);
    record->pending.logprobs.push_back(event.logprob);
    record->count(1, event.drafting);
    if (record->text)
      record->pending.text += record->text->push(event.token);
    if (record->text && record->text->stopped())
      scheduler.stop(event.id);
  };
  request.onFinish = [record](SequenceResult result) {
    std::lock_guard<std::mutex> lock(record->mutex);
    if (record->text)
      record->pending.text += record->text->finish();
    // With its very last token, perhaps.
    record->reason = record->text && record->text->stopped() ? FinishReason::stop : result.reason;
    record->stopToken = result.stopToken;
    record->count(0, result.drafting);
    record->message = result.error.ok() ? result.note : result.error.message();
  };
  // The record is there before the first step of the sequence can be polled.
  std::lock_guard<std::mutex> lock(session.mutex);
  PLAIT_ASSIGN_OR_RETURN(record->id, session.scheduler.add(std::move(request)));
  record->strategy->begin();
  sequence = session.nextId++;
  session.records.emplace(sequence, std::move(record));
  return Status::success();
}

Expected<bool> step(plait_session &session) {
  std::lock_guard<std::mutex> lock(session.stepping);
  return session.scheduler.step();
}

/// Moves what is pending to where the caller sees it.
plait_update poll(Record &record) {
  std::lock_guard<std::mutex> lock(record.mutex);
  record.shown = std::exchange(record.pending, {});
  plait_update update = {};
  update.struct_size = sizeof(update);
  update.text = record.shown.text.c_str();
  update.text_bytes = record.shown.text.size();
  update.tokens = record.shown.tokens.data();
  update.logprobs = record.shown.logprobs.data();
  update.token_count = record.shown.tokens.size();
  update.finish = int32_t(record.reason);
  update.stop_token = record.stopToken;
  update.message = record.message.empty() ? nullptr : record.message.c_str();
  if (record.text && record.text->stopString())
    update.stop_string = record.text->stopString()->c_str();
  return update;
}

Status release(plait_session &session, uint64_t sequence) {
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Record> record, session.find(sequence));
  session.scheduler.cancel(record->id);
  std::lock_guard<std::mutex> lock(session.mutex);
  session.records.erase(sequence);
  return Status::success();
}

Status generate(plait_session &session, uint64_t sequence, plait_on_update callback, void *user, std::string &text) {
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Record> record, session.find(sequence));
  bool stopped = false;
  while (true) {
    PLAIT_ASSIGN_OR_RETURN(bool more, step(session));
    plait_update update = poll(*record);
    text.append(update.text, update.text_bytes);
    bool isNew = update.token_count || update.text_bytes || update.finish != PLAIT_NOT_FINISHED;
    if (isNew && callback && !stopped && callback(user, &update) != 0) {
      stopped = true;
      session.scheduler.cancel(record->id);
    }
    if (update.finish == PLAIT_FINISH_ERROR)
      return internalError(update.message ? update.message : "the sequence failed");
    if (update.finish != PLAIT_NOT_FINISHED)
      return stopped ? Status::error(StatusCode::cancelled, "the callback ended the sequence") : Status::success();
    if (!more)
      return internalError("the sequence neither goes on nor ends");
  }
}

/// An instance that holds what `options` say, and what `strategies` of theirs need.
Expected<std::shared_ptr<Instance>> createInstance(const std::shared_ptr<const Model> &model,
                                                   const plait_session_options &options, Strategies &strategies) {
  const plait_model_v4_t &tables = model->tables();
  int64_t context = options.context ? std::min(options.context, tables.max_positions) : tables.max_positions;
  InstanceOptions io;
  io.threads = options.threads;
  io.maxRows = options.sequences;
  io.maxTokens = options.chunk + io.maxRows;
  io.maxStops += int64_t(model->manifest().eos.size());
  PLAIT_RETURN_IF_ERROR(strategies.open(*model, options));
  Demand demand{io.maxRows, wholePages(*model, context) * pageTokens(tables), 0};
  demand.totalPositions = demand.sequences * demand.positions;
  Demand enlarged = strategies.drafting().enlarge(io, demand);
  // The nodes of a tree may end in a page of their own.
  int64_t pages =
      wholePages(*model, enlarged.totalPositions) + (strategies.drafting().strategies().empty() ? 0 : io.maxRows);
  io.capacityPages = std::min<int64_t>(pages, INT32_MAX);
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Instance> instance, Instance::create(model, io));
  PLAIT_RETURN_IF_ERROR(strategies.createModels(io, demand, instance));
  return instance;
}

Status checkOptions(const plait_session_options &options) {
  auto number = [](auto value) { return std::to_string(value); };
  PLAIT_RETURN_IF_ERROR(
      checkMember(options.threads <= 1024, "options: threads", number(options.threads), "at most 1024"));
  PLAIT_RETURN_IF_ERROR(checkMember(options.sequences >= 1 && options.sequences <= 1 << 16, "options: sequences",
                                    number(options.sequences), "1 to 65536"));
  PLAIT_RETURN_IF_ERROR(checkMember(options.context >= 0, "options: context", number(options.context), "at least 0"));
  PLAIT_RETURN_IF_ERROR(checkMember(options.chunk >= 1 && options.chunk <= 1 << 20, "options: chunk",
                                    number(options.chunk), "1 to 1048576"));
  if (options.strategy_count)
    PLAIT_RETURN_IF_ERROR(require(options.strategies, "options: strategies"));
  for (size_t i = 0; i < options.strategy_count; ++i)
    PLAIT_RETURN_IF_ERROR(require(options.strategies[i], "options: strategies"));
  return Status::success();
}

} // namespace

void plait_session_options_init_sized(plait_session_options *options, size_t struct_size) {
  if (!options)
    return;
  options->struct_size = struct_size;
  (void)guarded(nullptr, [&] { return writeStruct(defaultOptions(), options, "options"); });
}

void(plait_session_options_init)(plait_session_options *options) {
  plait_session_options_init_sized(options, kSessionOptions1);
}

plait_status plait_request_init_sized(const plait_model *model, plait_request *request, size_t struct_size,
                                      char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(model, "model"));
    PLAIT_RETURN_IF_ERROR(require(request, "request"));
    PLAIT_RETURN_IF_ERROR(checkStructSize(struct_size, "request"));
    request->struct_size = struct_size;
    return writeStruct(defaultRequest(model->model->manifest()), request, "request");
  });
}

plait_status(plait_request_init)(const plait_model *model, plait_request *request, char **error) {
  return plait_request_init_sized(model, request, kRequest1, error);
}

plait_status plait_session_create(const plait_model *model, const plait_session_options *options,
                                  plait_session **session, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(model, "model"));
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    plait_session_options known = defaultOptions();
    if (options) {
      PLAIT_ASSIGN_OR_RETURN(known, readStruct(options, known, "options"));
    }
    PLAIT_RETURN_IF_ERROR(checkOptions(known));
    Strategies strategies;
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Instance> instance, createInstance(model->model, known, strategies));
    *session = new plait_session(*model, std::move(instance), std::move(strategies), known.chunk);
    return Status::success();
  });
}

void plait_session_release(plait_session *session) { delete session; }

plait_status plait_submit(plait_session *session, const plait_request *request, uint64_t *sequence, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    PLAIT_RETURN_IF_ERROR(require(sequence, "sequence"));
    return submit(*session, request, *sequence);
  });
}

plait_status plait_step(plait_session *session, int32_t *active, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    PLAIT_RETURN_IF_ERROR(require(active, "active"));
    PLAIT_ASSIGN_OR_RETURN(bool more, step(*session));
    *active = more;
    return Status::success();
  });
}

plait_status plait_poll(plait_session *session, uint64_t sequence, plait_update *update, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Record> record, session->find(sequence));
    // Before anything is taken that could then not be given.
    PLAIT_RETURN_IF_ERROR(writeStruct(plait_update{}, update, "update"));
    return writeStruct(poll(*record), update, "update");
  });
}

plait_status plait_cancel(plait_session *session, uint64_t sequence, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Record> record, session->find(sequence));
    session->scheduler.cancel(record->id);
    return Status::success();
  });
}

plait_status plait_sequence_release(plait_session *session, uint64_t sequence, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    return release(*session, sequence);
  });
}

plait_status plait_generate(plait_session *session, const plait_request *request, plait_on_update callback, void *user,
                            char **text, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(session, "session"));
    uint64_t sequence = 0;
    PLAIT_RETURN_IF_ERROR(submit(*session, request, sequence));
    std::string whole;
    Status status = generate(*session, sequence, callback, user, whole);
    PLAIT_RETURN_IF_ERROR(release(*session, sequence));
    PLAIT_RETURN_IF_ERROR(status);
    if (text && !(*text = copyText(whole)))
      throw std::bad_alloc();
    return Status::success();
  });
}
