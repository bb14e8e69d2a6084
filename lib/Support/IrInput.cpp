//===- IrInput.cpp - The door for IR that comes from outside --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Support/IrInput.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Bytecode/Encoding.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace plait;

static llvm::Error refuse(const llvm::Twine &text) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), text);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {

/// How deep text nests, by its brackets alone. A bracket that closes nothing is
/// where MLIR's parser would stop, so it cannot hide depth.
class NestingScan {
public:
  explicit NestingScan(StringRef text) : text(text) {}

  /// The line at which the nesting exceeds the limit, or 0.
  unsigned findExcess() {
    for (at = 0; at < text.size(); ++at) {
      char c = text[at];
      if (c == '\n')
        startLine();
      else if (c == '"')
        skipString();
      else if (c == '/' && next() == '/')
        at = std::min(text.find('\n', at), text.size()) - 1;
      else if (c == '-' && next() == '>')
        ++at;
      else if (c == '(' || c == '[' || c == '{' || c == '<')
        note(++depth);
      else if (c == ')' || c == ']' || c == '}' || c == '>')
        depth -= depth > 0;
      else if (c == '#' || c == '!')
        readAlias();
      else if (c == 'a' && (startsHere("affine_map<") || startsHere("affine_set<")))
        checkExpression();
      if (excess)
        return excess;
    }
    return 0;
  }

private:
  bool startsHere(StringRef word) const { return text.substr(at).starts_with(word); }
  char next() const { return at + 1 < text.size() ? text[at + 1] : 0; }

  void note(unsigned found) {
    deepest = std::max(deepest, found);
    if (found > kMaxIrNesting)
      excess = line;
  }

  void startLine() {
    ++line;
    if (!defined.empty() && depth == 0) { // a definition may go on over lines
      aliases[defined] = deepest;
      defined = StringRef();
    }
  }

  void skipString() {
    for (++at; at < text.size() && text[at] != '"' && text[at] != '\n'; ++at)
      at += text[at] == '\\';
    if (at < text.size() && text[at] == '\n')
      startLine();
  }

  /// "#name" or "!name": as deep as what it stands for. "#name =" at the start of
  /// a line defines it.
  void readAlias() {
    size_t begin = at;
    while (at + 1 < text.size() && (llvm::isAlnum(text[at + 1]) || StringRef("_.$").contains(text[at + 1])))
      ++at;
    StringRef name = text.slice(begin, at + 1);
    bool first = begin == 0 || text[begin - 1] == '\n';
    if (first && text.substr(at + 1).ltrim(' ').starts_with("=")) {
      defined = name;
      deepest = 0;
    } else if (auto known = aliases.find(name); known != aliases.end()) {
      note(depth + known->second + 1);
    }
  }

  /// Sums nest without brackets. No map that means anything is this long.
  void checkExpression() {
    constexpr size_t kMaxBytes = 4096;
    size_t end = text.find('>', at);
    while (end != StringRef::npos && (text[end - 1] == '-' || (end + 1 < text.size() && text[end + 1] == '=')))
      end = text.find('>', end + 1);
    if (std::min(end, text.size()) - at > kMaxBytes)
      excess = line;
    at += 9; // to the last letter
  }

  StringRef text, defined;
  llvm::StringMap<unsigned> aliases;
  size_t at = 0;
  unsigned depth = 0, deepest = 0, line = 1, excess = 0;
};

} // namespace

//===----------------------------------------------------------------------===//
// Bytecode
//===----------------------------------------------------------------------===//

/// "ML\xEFR", the version as a number of variable length, the producer's name up
/// to a zero byte.
static llvm::Error checkBytecode(const std::string &name, StringRef bytes) {
  const char *remedy = "; write it again with this version's plait-opt --emit-bytecode, or keep text";
  StringRef rest = bytes.drop_front(4);
  unsigned expected = bytecode::kVersion;
  if (rest.empty() || !(rest[0] & 1)) // a version below 128 is one byte: 2 v + 1
    return refuse(name + ": found bytecode with a damaged header; expected version " + llvm::Twine(expected) + remedy);
  unsigned version = uint8_t(rest[0]) >> 1;
  if (version != expected)
    return refuse(name + ": found bytecode of version " + llvm::Twine(version) + "; expected version " +
                  llvm::Twine(expected) + remedy);
  StringRef producer = rest.drop_front().take_until([](char c) { return c == 0; });
  if (producer == "MLIR" LLVM_VERSION_STRING)
    return llvm::Error::success();
  std::string printable;
  llvm::raw_string_ostream out(printable);
  llvm::printEscapedString(producer.take_front(40), out);
  return refuse(name + ": found bytecode by '" + printable + "'; expected one by 'MLIR" LLVM_VERSION_STRING "'" +
                remedy);
}

/// What the process on trial does: reads the bytecode with its own limits and
/// says on `out` what is wrong with it.
[[noreturn]] static void readOnTrial(llvm::MemoryBufferRef buffer, const DialectRegistry &registry, int out) {
  for (int signal : {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGXCPU})
    std::signal(signal, SIG_DFL);
  rlim_t seconds = 10 + buffer.getBufferSize() / (4 << 20);
  rlimit time = {seconds, seconds}, none = {0, 0};
  ::setrlimit(RLIMIT_CPU, &time);
  ::setrlimit(RLIMIT_CORE, &none);
  ::close(STDERR_FILENO); // the C library's last words about its heap
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  context.allowUnregisteredDialects();
  context.printOpOnDiagnostic(false);
  std::string message;
  context.getDiagEngine().registerHandler([&](Diagnostic &diagnostic) {
    if (message.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
      message = diagnostic.str();
  });
  ParserConfig config(&context, /*verifyAfterParse=*/false);
  Block block;
  if (succeeded(readBytecodeFile(buffer, &block, config)))
    _exit(0);
  std::replace(message.begin(), message.end(), '\n', ' ');
  (void)!::write(out, message.data(), std::min<size_t>(message.size(), 2048));
  _exit(1);
}

static llvm::Error tryBytecode(llvm::MemoryBufferRef buffer, const DialectRegistry &registry) {
  std::string name = buffer.getBufferIdentifier().str();
  const char *expected = "; expected bytecode as it was written; write it again from text";
  int ends[2];
  if (::pipe(ends) != 0)
    return refuse(name + ": cannot be read on trial: " + llvm::sys::StrError());
  pid_t child = ::fork();
  if (child == 0)
    readOnTrial(buffer, registry, ends[1]);
  ::close(ends[1]);
  std::string message;
  char piece[512];
  for (ssize_t bytes; child > 0 && (bytes = ::read(ends[0], piece, sizeof(piece))) > 0;)
    message.append(piece, bytes);
  ::close(ends[0]);
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) < 0)
    return refuse(name + ": cannot be read on trial: " + llvm::sys::StrError());
  if (WIFSIGNALED(status))
    return refuse(name + ": found damaged bytecode (reading it ended with signal " + llvm::Twine(WTERMSIG(status)) +
                  ")" + expected);
  if (WEXITSTATUS(status) != 0)
    return refuse(name + ": found bytecode that cannot be read (" + message + ")" + expected);
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// The door
//===----------------------------------------------------------------------===//

llvm::Error plait::checkIr(llvm::MemoryBufferRef buffer) {
  std::string name = buffer.getBufferIdentifier().str();
  if (buffer.getBufferSize() > kMaxIrBytes)
    return refuse(name + ": found " + llvm::Twine(buffer.getBufferSize()) + " bytes; expected IR of at most " +
                  llvm::Twine(kMaxIrBytes));
  if (isBytecode(buffer))
    return checkBytecode(name, buffer.getBuffer());
  if (unsigned line = NestingScan(buffer.getBuffer()).findExcess())
    return refuse(name + ":" + llvm::Twine(line) + ": found brackets, names or sums that nest deeper than " +
                  llvm::Twine(kMaxIrNesting) + "; expected IR without such nesting");
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>> plait::openIr(StringRef path, const DialectRegistry &registry) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path, /*IsText=*/false, /*RequiresNullTerminator=*/true);
  if (std::error_code error = buffer.getError())
    return refuse("cannot open input file '" + path + "': " + error.message());
  if (llvm::Error error = checkIr(**buffer))
    return error;
  if (isBytecode(**buffer))
    if (llvm::Error error = tryBytecode(**buffer, registry))
      return error;
  return std::move(*buffer);
}
