//===- Status.h - Error values without exceptions ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `Status` says whether something worked and, if not, what went wrong in one
// line of the shape "what: found F; expected E; remedy". `Expected<T>` is a
// value or such an error. Both are shared by the runtime and the Frontend, so
// they depend on the standard library alone.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_STATUS_H
#define PLAIT_RUNTIME_BASE_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace plait {

/// Kinds of failure; the command line maps each to an exit code.
enum class StatusCode {
  ok = 0,
  invalidArgument, ///< the caller's or the user's value is wrong
  notFound,        ///< a file, tensor or symbol is missing
  corrupt,         ///< data contradicts its own format
  unsupported,     ///< well formed, but not something Plait can do
  resource,        ///< memory, disk, descriptors, permissions
  cancelled,       ///< stopped on request
  internal,        ///< a bug in Plait
};

class [[nodiscard]] Status {
public:
  Status() = default;
  static Status success() { return Status(); }
  static Status error(StatusCode code, std::string message) {
    Status s;
    s.statusCode = code;
    s.text = std::move(message);
    return s;
  }

  bool ok() const { return statusCode == StatusCode::ok; }
  explicit operator bool() const { return ok(); }
  StatusCode code() const { return statusCode; }
  const std::string &message() const { return text; }

  /// The same error with `context + ": "` in front; success stays success.
  Status withContext(const std::string &context) const {
    return ok() ? *this : error(statusCode, context + ": " + text);
  }

private:
  StatusCode statusCode = StatusCode::ok;
  std::string text;
};

inline Status invalidArgument(std::string m) { return Status::error(StatusCode::invalidArgument, std::move(m)); }
inline Status notFound(std::string m) { return Status::error(StatusCode::notFound, std::move(m)); }
inline Status corrupt(std::string m) { return Status::error(StatusCode::corrupt, std::move(m)); }
inline Status unsupported(std::string m) { return Status::error(StatusCode::unsupported, std::move(m)); }
inline Status resourceError(std::string m) { return Status::error(StatusCode::resource, std::move(m)); }
inline Status internalError(std::string m) { return Status::error(StatusCode::internal, std::move(m)); }

/// A value of type T or the Status that explains why there is none.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T v) : value(std::move(v)) {}
  Expected(Status s) : error(std::move(s)) { assert(!error.ok() && "an Expected without a value needs an error"); }

  bool ok() const { return value.has_value(); }
  explicit operator bool() const { return ok(); }
  const Status &status() const { return error; }
  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }
  T take() { return std::move(*value); }

private:
  std::optional<T> value;
  Status error;
};

} // namespace plait

/// Returns the error of `expr` (a Status) from the enclosing function.
#define PLAIT_RETURN_IF_ERROR(expr)                                                                                    \
  do {                                                                                                                 \
    if (::plait::Status plaitStatus_ = (expr); !plaitStatus_.ok())                                                     \
      return plaitStatus_;                                                                                             \
  } while (false)

#define PLAIT_CONCAT_IMPL(a, b) a##b
#define PLAIT_CONCAT(a, b) PLAIT_CONCAT_IMPL(a, b)

/// `PLAIT_ASSIGN_OR_RETURN(auto x, f());` binds the value or returns the error.
#define PLAIT_ASSIGN_OR_RETURN(decl, expr)                                                                             \
  auto PLAIT_CONCAT(plaitExpected_, __LINE__) = (expr);                                                                \
  if (!PLAIT_CONCAT(plaitExpected_, __LINE__).ok())                                                                    \
    return PLAIT_CONCAT(plaitExpected_, __LINE__).status();                                                            \
  decl = PLAIT_CONCAT(plaitExpected_, __LINE__).take()

#endif // PLAIT_RUNTIME_BASE_STATUS_H
