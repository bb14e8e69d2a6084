//===- Chat.cpp - plait chat: a conversation with a model -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "runtime/core/Tables.h"
#include "runtime/decode/CompletionText.h"
#include "runtime/core/Instance.h"
#include "runtime/decode/Scheduler.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/ChatPrompt.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/DecodeOption.h"
#include "tools/plait/GenerationOptions.h"
#include "tools/plait/Session.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include <unistd.h>

using namespace plait;

namespace {

constexpr const char *kFooter =
    "Each line of standard input is a message; answers go to standard output, everything else\n"
    "to standard error. Lines that begin with a slash are commands:\n"
    "  /system TEXT  begin anew, with this system message\n"
    "  /reset        begin anew, with the system message there was\n"
    "  /help, /exit\n"
    "  //...         a message that begins with a slash\n"
    "Ctrl-C stops an answer, a second one quits; Ctrl-D ends the conversation.";

struct ChatTexts {
  std::string path, system, chatTemplate, maxTokens, threads;
  CompileOptions compile;
  std::vector<std::string> messages;
  GenerationTexts generation;
  bool stats = false, quiet = false;
};

struct ChatOptions {
  std::optional<int64_t> maxTokens; ///< of an answer; none: as far as the context goes
  unsigned threads = 0;
};

/// What is wrong here is wrong usage.
Expected<ChatOptions> parseOptions(const ChatTexts &texts) {
  ChatOptions options;
  if (!texts.maxTokens.empty()) {
    PLAIT_ASSIGN_OR_RETURN(options.maxTokens, parseInteger("--max-tokens", texts.maxTokens, 1, INT64_MAX / 2));
  }
  PLAIT_ASSIGN_OR_RETURN(options.threads, parseThreads("--threads", texts.threads));
  PLAIT_RETURN_IF_ERROR(checkCompileOptions(texts.compile));
  PLAIT_RETURN_IF_ERROR(parseGeneration(texts.generation, {}).status());
  return options;
}

/// One conversation. The keys and values of a turn are kept for the next one,
/// of which only what is new is computed.
class Conversation {
public:
  Conversation(const ChatTexts &texts, const ChatOptions &options) : texts(texts), options(options) {}

  Status prepare() {
    CompileOptions compile = texts.compile;
    compile.threads = options.threads;
    compile.quiet = texts.quiet;
    PLAIT_ASSIGN_OR_RETURN(session, Session::open(texts.path, compile, options.threads));
    PLAIT_ASSIGN_OR_RETURN(const ManifestStrategy *chosen, chosenStrategy(session, compile));
    PLAIT_ASSIGN_OR_RETURN(drafting, openDrafting(session, {chosen}, texts.quiet, options.threads));
    PLAIT_ASSIGN_OR_RETURN(tokenizer, session.tokenizer());
    if (!tokenizer)
      return invalidArgument(printable(texts.path) + ": found no tokenizer.json; expected one, a chat needs it");
    PLAIT_ASSIGN_OR_RETURN(chatTemplate, openChatTemplate(texts.path, session.reader(), texts.chatTemplate));
    const auto &tokens = chatTemplate->specialTokens();
    if (auto eos = tokens.find("eos_token"); eos != tokens.end())
      if (int32_t id = tokenizer->idOf(eos->second); id >= 0)
        stops.push_back(id);
    Generation defaults = generationDefaults(session.model->manifest());
    defaults.rules.minTokens = std::min(defaults.rules.minTokens, options.maxTokens.value_or(INT64_MAX));
    PLAIT_ASSIGN_OR_RETURN(generation, parseGeneration(texts.generation, defaults));
    reset(texts.system);
    return createScheduler();
  }

  /// Begins anew; an empty `systemText` stands for no system message.
  void reset(const std::string &systemText) {
    system = systemText;
    messages = Json::array();
    if (!system.empty())
      messages.push_back({{"role", "system"}, {"content", system}});
  }
  void reset() { reset(system); }

  /// Answers `text` on standard output. After an error the conversation is what
  /// it was before.
  Status answer(const std::string &text) {
    Json before = messages;
    messages.push_back({{"role", "user"}, {"content", text}});
    Status status = generate();
    if (!status)
      messages = std::move(before);
    return status;
  }

  const Output &output() const { return out; }

private:
  Status createScheduler() {
    const Model &model = *session.model;
    InstanceOptions io;
    io.threads = isAutoThreads(texts.threads) ? 0 : options.threads;
    io.maxRows = 1;
    io.maxStops = std::max<int64_t>(1, int64_t(model.manifest().eos.size() + stops.size()));
    Demand demand;
    demand.positions = demand.totalPositions = model.tables().max_positions;
    Demand enlarged = drafting.enlarge(io, demand);
    io.capacityPages = pagesToReserve(model, io, enlarged);
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Instance> instance, Instance::create(session.model, io));
    PLAIT_ASSIGN_OR_RETURN(std::vector<std::vector<DraftModel>> drafts, drafting.create(io, demand, {instance}));
    scheduler = std::make_unique<Scheduler>(std::move(instance), SchedulerOptions(), std::move(drafts.front()));
    context = scheduler->contextLimit();
    return Status::success();
  }

  Status generate() {
    ChatInput input;
    input.messages = messages;
    PLAIT_ASSIGN_OR_RETURN(RenderedChat chat, chatTemplate->render(input));
    Request request;
    PLAIT_ASSIGN_OR_RETURN(request.prompt, encodeChat(*tokenizer, chat));
    int64_t length = int64_t(request.prompt.size());
    if (length >= context)
      return invalidArgument(
          fmt::format("the conversation has {} tokens with this message; expected fewer than {}, the "
                      "size of the context; begin a new one (/reset)",
                      length, context));
    request.sampling = generation.sampling;
    if (!drafting.strategies().empty())
      request.strategy = drafting.strategies().front().program;
    request.rules = generation.rules;
    request.stops = stops;
    request.maxTokens = std::min(options.maxTokens.value_or(context), context - length + 1);
    request.rules.minTokens = std::min(request.rules.minTokens, request.maxTokens);
    request.keep = true;
    CompletionText completion(*tokenizer, generation.stops, request.rules.minTokens);
    std::string text;
    auto show = [&](const std::string &piece) {
      text += piece;
      out.write(piece);
    };
    request.onToken = [&](const TokenEvent &event) {
      show(completion.push(event.token));
      if (completion.stopped())
        scheduler->stop(event.id);
    };
    PLAIT_ASSIGN_OR_RETURN(SequenceId id, scheduler->add(request));
    for (bool more = true; more;) {
      Expected<bool> stepped = scheduler->step();
      if (!stepped) {
        scheduler->cancel(id); // it refers to what ends here
        out.write("\n");
        return stepped.status();
      }
      more = *stepped;
      if (interrupted() || !out.ok())
        scheduler->cancel(id);
    }
    PLAIT_ASSIGN_OR_RETURN(SequenceResult result, scheduler->take(id));
    show(completion.finish());
    out.write("\n");
    if (result.reason == FinishReason::error)
      return result.error;
    messages.push_back({{"role", "assistant"}, {"content", text}});
    report(result);
    return Status::success();
  }

  void report(const SequenceResult &result) const {
    int64_t generated = int64_t(result.tokens.size());
    if (result.reason == FinishReason::length && result.promptTokens + generated > context && !texts.quiet)
      note(fmt::format("the answer ends here: the context of {} tokens is full", context));
    if (!texts.stats)
      return;
    double seconds = std::chrono::duration<double>(result.finished - result.started).count();
    fmt::print(stderr, "prompt {} tokens, {} of them computed before; answer {} tokens in {:.2f} s\n",
               result.promptTokens, result.reusedTokens, generated, seconds);
    fmt::print(stderr, "{}", draftModelsText(drafting));
    for (const Drafting::Strategy &strategy : drafting.strategies())
      fmt::print(stderr, "{}", strategyText(strategy.call, result.drafting));
  }

  const ChatTexts &texts;
  const ChatOptions &options;
  Session session;
  Drafting drafting;
  std::optional<Tokenizer> tokenizer;
  std::optional<ChatTemplate> chatTemplate;
  Generation generation;
  std::vector<int32_t> stops; ///< besides the model's own
  std::unique_ptr<Scheduler> scheduler;
  int64_t context = 0; ///< positions that prompt and answer may take
  std::string system;
  Json messages;
  Output out;
};

/// Reads and obeys lines until the input ends.
class Dialogue {
public:
  explicit Dialogue(Conversation &conversation) : conversation(conversation), terminal(isatty(STDIN_FILENO)) {}

  int run() {
    while (!leaving) {
      if (terminal)
        fmt::print(stderr, "> ");
      Expected<std::optional<std::string>> line = input.next();
      if (!line)
        return fail(line.status());
      if (!*line)
        break;
      Status status = obey(**line);
      if (int code = conversation.output().exitCode())
        return code;
      if (interrupted() && !resumeAfterInterrupt())
        return fail(Status::error(StatusCode::cancelled, "interrupted"));
      if (!status) {
        failed = true;
        (void)fail(status);
      }
    }
    // Who types sees the errors; a script has to hear of them.
    return failed && !terminal ? exitFailure : exitSuccess;
  }

private:
  Status obey(const std::string &line) {
    if (line.find_first_not_of(" \t") == std::string::npos)
      return Status::success();
    if (!line.starts_with('/') || line.starts_with("//"))
      return conversation.answer(line.starts_with("//") ? line.substr(1) : line);
    size_t end = std::min(line.find(' '), line.size());
    std::string command = line.substr(0, end), argument = line.substr(std::min(end + 1, line.size()));
    if (command == "/exit")
      leaving = true;
    else if (command == "/reset")
      conversation.reset();
    else if (command == "/system")
      conversation.reset(argument);
    else if (command == "/help")
      fmt::print(stderr, "{}\n", kFooter);
    else
      return invalidArgument("found the command \"" + printable(command, 80) +
                             "\"; expected /system, /reset, /help or /exit; // begins a message with a slash");
    return Status::success();
  }

  Conversation &conversation;
  InputLines input;
  bool terminal, leaving = false, failed = false;
};

int chatAction(const ChatTexts &texts) {
  Expected<ChatOptions> options = parseOptions(texts);
  if (!options)
    return fail(options.status(), exitUsage);
  Conversation conversation(texts, *options);
  if (Status status = conversation.prepare(); !status)
    return fail(status);
  if (texts.messages.empty())
    return Dialogue(conversation).run();
  for (const std::string &message : texts.messages) {
    Status status = conversation.answer(message);
    if (int code = conversation.output().exitCode())
      return code;
    if (!status)
      return fail(status);
    if (interrupted())
      return fail(Status::error(StatusCode::cancelled, "interrupted"));
  }
  return exitSuccess;
}

} // namespace

void plait::addChatCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<ChatTexts>();
  CLI::App *chat = app.add_subcommand("chat", "Talk with a model");
  chat->add_option("PATH", texts->path, "a compiled model, or a Hugging Face folder or GGUF file to compile")
      ->required();
  chat->add_option("-m,--message", texts->messages, "answer this message and end; repeat it for several turns")
      ->allow_extra_args(false);
  chat->add_option("--system", texts->system, "the system message");
  chat->add_option("--chat-template", texts->chatTemplate, "template, as a file or as text (default: the model's)");
  chat->add_option("-n,--max-tokens", texts->maxTokens, "tokens of an answer (default: as far as the context goes)");
  addGenerationOptions(*chat, texts->generation);
  addDecodeOption(*chat, texts->compile);
  chat->add_option("-t,--threads", texts->threads, "threads; auto (default): one per physical core")
      ->envname("PLAIT_THREADS");
  chat->add_option("--isa", texts->compile.isa, kIsaHelp);
  addCompileOptions(*chat, texts->compile);
  chat->add_flag("--stats", texts->stats, "print the tokens and the time of each turn");
  chat->add_flag("-q,--quiet", texts->quiet, "print nothing but errors on stderr");
  chat->footer(kFooter);
  chat->callback([texts, &action] { action = [texts] { return chatAction(*texts); }; });
}
