//===- MessageState.h - What ranks send each other --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_MESSAGESTATE_H
#define PLAIT_RUNTIME_COMM_MESSAGESTATE_H

#include "runtime/comm/MessageCommunicator.h"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstring>

namespace plait {

enum NoticeState : uint32_t { kLeft = 1, kFailed = 2 };

struct MessageCommunicator::Envelope {
  uint64_t signature = 0;
  uint64_t size = 0; ///< of all data, here and in messages that follow
  char op[112] = {};
  /// With the head below the 4 KiB that message libraries send without asking first.
  uint8_t data[3584];

  std::span<uint8_t> bytes(size_t inside) {
    return {reinterpret_cast<uint8_t *>(this), offsetof(Envelope, data) + inside};
  }
  /// Returns how much of `text` is in it.
  size_t fill(uint64_t signature, std::span<const uint8_t> text, const char *op) {
    this->signature = signature;
    size = text.size();
    std::snprintf(this->op, sizeof(this->op), "%s", op);
    size_t inside = std::min(text.size(), sizeof(data));
    if (inside)
      std::memcpy(data, text.data(), inside);
    return inside;
  }
  bool isFrom(const char *name) const { return std::strncmp(op, name, sizeof(op) - 1) == 0; }
  /// Whether a message of so many bytes is one.
  bool whole(size_t received) {
    op[sizeof(op) - 1] = 0;
    return received >= offsetof(Envelope, data) &&
           received - offsetof(Envelope, data) == std::min<uint64_t>(size, sizeof(data));
  }
  size_t take(std::span<uint8_t> target) const {
    size_t inside = std::min(target.size(), sizeof(data));
    if (inside)
      std::memcpy(target.data(), data, inside);
    return inside;
  }
};

struct MessageCommunicator::Notice {
  uint32_t state = 0, code = 0;
  int32_t culprit = -1;
  char text[500] = {};
  std::span<uint8_t> bytes() { return {reinterpret_cast<uint8_t *>(this), sizeof(*this)}; }
};

struct MessageCommunicator::Peer {
  Envelope in, out, pairIn, pairOut;
  Notice notice;
  bool heard = false;   ///< its notice has come
  bool ended = false;   ///< its process has
  bool watched = false; ///< `beats` and `since` are of the current wait
  uint32_t beats = 0, since = 0;
  std::chrono::steady_clock::time_point gone;
  Mail::Message noticeComing; ///< given up before what it is to be written into
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_MESSAGESTATE_H
