//===- Boundary.cpp - Between C and C++ -----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Boundary.h"

#include <cstdlib>

using namespace plait;

static_assert(PLAIT_OK == int(StatusCode::ok) && PLAIT_INVALID_ARGUMENT == int(StatusCode::invalidArgument) &&
              PLAIT_NOT_FOUND == int(StatusCode::notFound) && PLAIT_CORRUPT == int(StatusCode::corrupt) &&
              PLAIT_UNSUPPORTED == int(StatusCode::unsupported) && PLAIT_RESOURCE == int(StatusCode::resource) &&
              PLAIT_CANCELLED == int(StatusCode::cancelled) && PLAIT_INTERNAL == int(StatusCode::internal));

// A program that was compiled with an older header passes these sizes.
static_assert(capi::kModelInfo1 == 144 && capi::kSessionOptions1 == 32 && capi::kRequest1 == 160 &&
                  sizeof(plait_model_info) == 160 && sizeof(plait_session_options) == 56 &&
                  sizeof(plait_request) == 168 && sizeof(plait_update) == 72 && sizeof(plait_stats) == 72,
              "members are added at the end; the sizes of earlier versions stay");

char *capi::copyText(std::string_view text) noexcept {
  char *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (copy) {
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = '\0';
  }
  return copy;
}

plait_status capi::report(const Status &status, char **error) noexcept {
  auto code = plait_status(status.code());
  if (error)
    *error = status.ok()                 ? nullptr
             : !status.message().empty() ? copyText(status.message())
                                         : copyText(plait_status_name(code));
  return code;
}

Status capi::require(const void *pointer, const char *what) {
  return pointer ? Status::success() : invalidArgument(std::string(what) + ": found NULL; expected a pointer");
}

Status capi::checkMember(bool right, const char *what, const std::string &found, const char *expected) {
  return right ? Status::success() : invalidArgument(std::string(what) + ": found " + found + "; expected " + expected);
}

const char *plait_version(void) { return PLAIT_VERSION; }

uint32_t plait_api_version(void) { return PLAIT_API_VERSION; }

const char *plait_status_name(plait_status status) {
  static const char *const names[] = {"ok",          "invalid argument", "not found", "corrupt",
                                      "unsupported", "out of resources", "cancelled", "internal error"};
  return status >= 0 && size_t(status) < std::size(names) ? names[status] : "unknown";
}

void plait_free(void *memory) { std::free(memory); }
