//===- Boundary.h - Between C and C++ ---------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CAPI_BOUNDARY_H
#define PLAIT_RUNTIME_CAPI_BOUNDARY_H

#include "plait-c/plait.h"
#include "runtime/base/Status.h"
#include "runtime/base/Tokenizer.h"
#include "runtime/core/Model.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>

/// What a plait_model points to; sessions share it.
struct plait_model {
  std::shared_ptr<const plait::Model> model;
  std::shared_ptr<const plait::Tokenizer> tokenizer; ///< null if there is none
  std::vector<const char *> strategies = {};         ///< the calls in the manifest
};

namespace plait::capi {

/// `text` in memory that plait_free takes; null if there is none left.
char *copyText(std::string_view text) noexcept;

/// Turns the outcome of a call into what it returns.
plait_status report(const Status &status, char **error) noexcept;

/// Runs `body`, which returns a Status, and lets nothing but a status out.
template <typename Body> plait_status guarded(char **error, Body body) noexcept {
  try {
    return report(body(), error);
  } catch (const std::bad_alloc &) {
    return report(Status::error(StatusCode::resource, {}), error);
  } catch (const std::exception &exception) {
    try {
      return report(internalError(exception.what()), error);
    } catch (...) {
    }
  } catch (...) {
  }
  return report(Status::error(StatusCode::internal, {}), error);
}

/// An error unless `pointer` is there.
Status require(const void *pointer, const char *what);

/// No struct of any version is larger: a size that was never set shows.
inline constexpr size_t kLargestStruct = 4096;

inline Status checkStructSize(size_t size, const char *what) {
  if (size >= sizeof(size_t) && size <= kLargestStruct)
    return Status::success();
  return invalidArgument(std::string(what) + ": found struct_size " + std::to_string(size) +
                         "; expected sizeof the struct; set it, or call the init function");
}

// Of the structs of version 1.
inline constexpr size_t kModelInfo1 = offsetof(plait_model_info, strategies);
inline constexpr size_t kSessionOptions1 = offsetof(plait_session_options, strategy);
inline constexpr size_t kRequest1 = offsetof(plait_request, strategy);

/// A struct of the caller's: what this library knows of it. What the caller's
/// header has not is taken from `defaults`; what only the caller knows must be 0.
template <typename Struct> Expected<Struct> readStruct(const Struct *from, const Struct &defaults, const char *what) {
  PLAIT_RETURN_IF_ERROR(require(from, what));
  size_t size = from->struct_size;
  PLAIT_RETURN_IF_ERROR(checkStructSize(size, what));
  const char *bytes = reinterpret_cast<const char *>(from);
  if (size > sizeof(Struct) && std::any_of(bytes + sizeof(Struct), bytes + size, [](char byte) { return byte != 0; }))
    return unsupported(std::string(what) + ": found members that this library does not know; expected a plait.h of "
                                           "this version or an older one; update libplait");
  Struct result = defaults;
  std::memcpy(&result, from, std::min(size, sizeof(Struct)));
  return result;
}

/// Fills in as much of `to` as the caller's header has.
template <typename Struct> Status writeStruct(Struct value, Struct *to, const char *what) {
  PLAIT_RETURN_IF_ERROR(require(to, what));
  size_t size = to->struct_size;
  PLAIT_RETURN_IF_ERROR(checkStructSize(size, what));
  value.struct_size = size;
  std::memset(static_cast<void *>(to), 0, size);
  std::memcpy(to, &value, std::min(size, sizeof(Struct)));
  return Status::success();
}

/// An error that names a member of a struct, unless it is `right`.
Status checkMember(bool right, const char *what, const std::string &found, const char *expected);

/// The ids of a text, which ends after `bytes` or at its NUL.
Expected<std::vector<int32_t>> encode(const plait_model &model, const char *text, size_t bytes, uint32_t flags);

} // namespace plait::capi

#endif // PLAIT_RUNTIME_CAPI_BOUNDARY_H
