//===- Session.cpp - Sessions in the C API --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Boundary.h"
#include "runtime/core/Instance.h"
#include "runtime/core/Tables.h"
#include "runtime/decode/CompletionText.h"
#include "runtime/decode/Scheduler.h"

#include <map>
#include <mutex>

using namespace plait;
using namespace plait::capi;

static_assert(PLAIT_NOT_FINISHED == int(FinishReason::none) && PLAIT_FINISH_STOP == int(FinishReason::stop) &&
              PLAIT_FINISH_LENGTH == int(FinishReason::length) &&
              PLAIT_FINISH_CANCELLED == int(FinishReason::cancelled) && PLAIT_FINISH_ERROR == int(FinishReason::error));

namespace {

/// What a sequence has generated.
struct Output {
  std::string text;
  std::vector<int32_t> tokens;
  std::vector<float> logprobs;
};

/// A sequence of a session.
struct Record {
  std::mutex mutex;
  SequenceId id = 0;
  std::optional<CompletionText> text; ///< none without a tokenizer
  Output pending;                     ///< since the last poll
  Output shown;                       ///< what the last poll gave
  FinishReason reason = FinishReason::none;
  int32_t stopToken = -1;
  std::string message;
};

} // namespace

struct plait_session {
  plait_session(const plait_model &model, std::shared_ptr<Instance> instance, int64_t chunk)
      : model(model.model), tokenizer(model.tokenizer), scheduler(std::move(instance), {.chunk = chunk}) {}

  Expected<std::shared_ptr<Record>> find(uint64_t sequence) {
    std::lock_guard<std::mutex> lock(mutex);
    auto found = records.find(sequence);
    if (found == records.end())
      return notFound("sequence: found " + std::to_string(sequence) +
                      "; expected one that was submitted to this session and not released");
    return found->second;
  }

  // In this order: the scheduler's callbacks use the tokenizer.
  std::shared_ptr<const Model> model;
  std::shared_ptr<const Tokenizer> tokenizer;
  Scheduler scheduler;
  std::mutex stepping; ///< held by the thread that steps
  std::mutex mutex;    ///< of what follows
  std::map<uint64_t, std::shared_ptr<Record>> records;
  uint64_t nextId = 1;
};

namespace {

Status checkMember(bool right, const char *what, const std::string &found, const char *expected) {
  return right ? Status::success() : invalidArgument(std::string(what) + ": found " + found + "; expected " + expected);
}

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

plait_session_options defaultOptions() { return {sizeof(plait_session_options), 0, 1, 0, 512}; }

Status submit(plait_session &session, const plait_request *from, uint64_t &sequence) {
  PLAIT_ASSIGN_OR_RETURN(plait_request known, readStruct(from, defaultRequest(session.model->manifest()), "request"));
  PLAIT_ASSIGN_OR_RETURN(Request request, makeRequest({session.model, session.tokenizer}, known));
  PLAIT_ASSIGN_OR_RETURN(StopStrings stops, makeStopStrings(known));
  auto record = std::make_shared<Record>();
  if (session.tokenizer)
    record->text.emplace(*session.tokenizer, std::move(stops), request.rules.minTokens);
  else
    PLAIT_RETURN_IF_ERROR(
        checkMember(!known.stop_string_count, "request: stop_strings", "some", "none, as the model has no tokenizer"));
  request.onToken = [record, &scheduler = session.scheduler](const TokenEvent &event) {
    std::lock_guard<std::mutex> lock(record->mutex);
    record->pending.tokens.push_back(event.token);
    record->pending.logprobs.push_back(event.logprob);
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
    record->message = result.error.ok() ? result.note : result.error.message();
  };
  // The record is there before the first step of the sequence can be polled.
  std::lock_guard<std::mutex> lock(session.mutex);
  PLAIT_ASSIGN_OR_RETURN(record->id, session.scheduler.add(std::move(request)));
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

} // namespace

void plait_session_options_init(plait_session_options *options) {
  if (options)
    *options = defaultOptions();
}

plait_status plait_request_init(const plait_model *model, plait_request *request, char **error) {
  return guarded(error, [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(require(model, "model"));
    PLAIT_RETURN_IF_ERROR(require(request, "request"));
    *request = defaultRequest(model->model->manifest());
    return Status::success();
  });
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
    const Model &m = *model->model;
    auto number = [](auto value) { return std::to_string(value); };
    PLAIT_RETURN_IF_ERROR(
        checkMember(known.threads <= 1024, "options: threads", number(known.threads), "at most 1024"));
    PLAIT_RETURN_IF_ERROR(checkMember(known.sequences >= 1 && known.sequences <= 1 << 16, "options: sequences",
                                      number(known.sequences), "1 to 65536"));
    PLAIT_RETURN_IF_ERROR(checkMember(known.context >= 0, "options: context", number(known.context), "at least 0"));
    PLAIT_RETURN_IF_ERROR(
        checkMember(known.chunk >= 1 && known.chunk <= 1 << 20, "options: chunk", number(known.chunk), "1 to 1048576"));
    int64_t most = m.tables().max_positions, context = known.context ? std::min(known.context, most) : most;
    int64_t pages = (context + pageTokens(m.tables()) - 1) / pageTokens(m.tables());
    InstanceOptions io;
    io.threads = known.threads;
    io.maxRows = known.sequences;
    io.maxTokens = known.chunk + io.maxRows;
    io.maxStops += int64_t(m.manifest().eos.size());
    io.capacityPages = std::min<int64_t>(pages * io.maxRows, INT32_MAX);
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Instance> instance, Instance::create(model->model, io));
    *session = new plait_session(*model, std::move(instance), known.chunk);
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
